// SPDX-License-Identifier: LGPL-2.1-or-later
/* The scripting interface as JavaScript has it (gjs): what is introspected, without overrides. */

imports.gi.versions.Emu = "1.0";
const { Emu, Gio, GLib } = imports.gi;

// Real mode, at 0x7c00: inc word [0x9000]; in al, 0x3fd; test al, 1; jz back; mov dx, 0x3f8; in al, dx; inc al; out dx, al; jmp back
const CODE = [0xff, 0x06, 0x00, 0x90, 0xba, 0xfd, 0x03, 0xec, 0xa8, 0x01, 0x74, 0xf4, 0xba, 0xf8, 0x03, 0xec, 0xfe, 0xc0, 0xee, 0xeb, 0xeb];

function equal(got, expected) {
    if (JSON.stringify(got) !== JSON.stringify(expected))
        throw new Error(`got ${JSON.stringify(got)}, expected ${JSON.stringify(expected)}`);
}

function raises(code, word, f) {
    try {
        f();
    } catch (e) {
        if (!e.matches(Emu.Error, code) || !e.message.includes(word))
            throw e;
        return;
    }
    throw new Error(`no exception that says ${word}`);
}

function machine() {
    const m = Emu.Machine.new("pc");
    m.add_option("m", "16M");
    m.realize(null);
    m.get_memory().write(0x7c00, CODE);
    const cpu = m.get_cpu(0);
    for (const [name, value] of [["cs", 0], ["ds", 0], ["eflags", 2], ["rip", 0x7c00]])
        cpu.set_register(name, value);
    return [m, cpu];
}

const tests = {
    registry() {
        const registry = Emu.Registry.get_default();
        equal([registry.has_type("isa-serial"), registry.has_type("nonsense")], [true, false]);
        equal(registry.list_properties("isa-serial").some(p => p.get_name() === "iobase"), true);
        raises(Emu.Error.NO_SUCH_TYPE, "nonsense", () => registry.list_properties("nonsense"));
    },

    memory_and_registers() {
        const [m, cpu] = machine();
        equal(Array.from(m.get_memory().read(0x7c00, 4)), CODE.slice(0, 4));
        equal(m.get_memory().load(0x7c00, 2, false), [true, 0x06ff]);
        equal([cpu.get_register("rip")[1], cpu.get_register_bytes("xmm0").length], [0x7c00, 16]);
        raises(Emu.Error.NOT_FOUND, "nonsense", () => cpu.get_register("nonsense"));
        m.close();
        raises(Emu.Error.CLOSED, "closed", () => m.get_memory().load(0, 1, false));
    },

    run_until() {
        const [m, cpu] = machine();
        const bp = Emu.Trigger.new_breakpoint(m, 0x7c04, -1);
        let stop = m.run([], 10000, null);
        equal([stop.get_reason(), stop.get_trigger() === bp, cpu.get_pc()], [Emu.StopReason.BREAKPOINT, true, 0x7c04]);
        bp.remove();
        stop = m.run([Emu.Trigger.new_time(m, 2000000)], 10000, null);
        equal(stop.get_reason_name(), "time");
        equal(cpu.step(3, null).get_reason_name(), "step");
        const console = m.get_console("serial0");
        console.send([0x47, 0x40, 0x4b]);
        stop = m.run([Emu.Trigger.new_text(m, "serial0", "H(.)L")], 10000, null);
        equal([stop.get_reason_name(), console.get_text()], ["text", "HAL"]);
        m.close();
    },

    devices_and_lines() {
        const [m] = machine();
        const properties = new GLib.Variant("a{sv}", { id: GLib.Variant.new_string("dog") });
        raises(Emu.Error.WRONG_STATE, "isa-debugcon", () => m.add_device("isa-debugcon", properties));
        const device = m.add_device("i6300esb", properties);
        equal([device.get_path(), device.get_value("type").unpack()], ["/machine/peripheral/dog", "i6300esb"]);
        equal(device instanceof Emu.PciDevice, true);
        const line = m.lookup("/machine/unattached").list_children().find(o => o instanceof Emu.Device && o.get_type_name().includes("i8259")).get_line(null, 5, false);
        const tap = Emu.Tap.new_line(m, line, false);
        let ready = 0;
        tap.connect("ready", () => ready++);
        line.set(1);
        m.run([], 20, null);
        equal([line.get(), tap.get_hits(), ready], [1, 1, 1]);
        m.close();
    },

    snapshots_and_qmp() {
        const [m] = machine();
        const snapshot = Emu.Snapshot.new(m, "first", null, null);
        Emu.Trigger.new_breakpoint(m, 0x7c04, -1);
        m.run([], 10000, null);
        equal(m.get_memory().load(0x9000, 2, false)[1] > 0, true);
        snapshot.restore(null);
        equal(m.get_memory().load(0x9000, 2, false)[1], 0);
        equal(JSON.parse(m.qmp("query-status", null)).running, false);
        raises(Emu.Error.QMP, "nonsense", () => m.qmp("nonsense", null));
        m.close();
    },

    promises() {
        Gio._promisify(Emu.Machine.prototype, "run_async", "run_finish");
        Gio._promisify(Emu.Console.prototype, "expect_async", "expect_finish");
        const [m] = machine();
        const loop = GLib.MainLoop.new(null, false);
        let result;
        (async () => {
            m.start();
            m.get_console("serial0").send([0x47]);
            const found = await m.get_console("serial0").expect_async("(H)", 10000, null);
            m.pause();
            const stop = await m.run_async([Emu.Trigger.new_time(m, 1000000)], 10000, null);
            return [found, stop.get_reason_name()];
        })().then(value => { result = value; loop.quit(); }, error => { result = String(error); loop.quit(); });
        loop.run();
        equal(result, [["H", "H"], "time"]);
        m.close();
    },
};

const names = Object.keys(tests);
print(`1..${names.length}`);
let failed = 0;
names.forEach((name, i) => {
    try {
        tests[name]();
        print(`ok ${i + 1} ${name}`);
    } catch (e) {
        failed++;
        print(`# ${e}\n# ${String(e.stack).trim().split("\n").join("\n# ")}\nnot ok ${i + 1} ${name}`);
    }
});
imports.system.exit(failed ? 1 : 0);
