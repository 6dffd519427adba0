// SPDX-License-Identifier: LGPL-2.1-or-later
/* The scripting interface as Vala has it: emu-1.0.vapi. */

const uint8[] CODE = { 0xff, 0x06, 0x00, 0x90, 0xeb, 0xfa }; // inc word [0x9000]; jmp back

Emu.Machine make () throws Error {
    var m = new Emu.Machine ("pc");
    m.add_option ("m", "16M");
    m.realize ();
    m.get_memory ().write (0x7c00, CODE);
    var cpu = m.get_cpu (0);
    cpu.set_register ("cs", 0);
    cpu.set_register ("ds", 0);
    cpu.set_register ("eflags", 2);
    cpu.set_register ("rip", 0x7c00);
    return m;
}

void test_run () {
    try {
        var m = make ();
        unowned uint8[] back = m.get_memory ().read (0x7c00, 6);
        assert (back[0] == 0xff && back.length == 6);
        uint64 value;
        var breakpoint = new Emu.Trigger.breakpoint (m, 0x7c04, -1);
        var stop = m.run (null, 10000);
        assert (stop.get_reason () == Emu.StopReason.BREAKPOINT && stop.get_trigger () == breakpoint);
        m.get_cpu (0).get_register ("rip", out value);
        assert (value == 0x7c04);
        breakpoint.remove ();
        Emu.Trigger[] until = { new Emu.Trigger.time (m, 1000000) };
        assert (m.run (until, 10000).get_reason_name () == "time");
        var snapshot = new Emu.Snapshot (m, "first", null);
        m.get_memory ().store (0x9000, 2, false, 7);
        snapshot.restore ();
        m.get_memory ().load (0x9000, 2, false, out value);
        assert (value != 7);
        assert ("running" in m.qmp ("query-status", null));
        m.close ();
    } catch (Error e) {
        error ("%s", e.message);
    }
}

void test_errors () {
    try {
        var m = make ();
        m.lookup ("/machine/nonsense");
        assert_not_reached ();
    } catch (Error e) {
        assert (e is Emu.Error.NOT_FOUND && "nonsense" in e.message);
    }
}

async void wait (MainLoop loop) {
    try {
        var m = make ();
        Emu.Trigger[] until = { new Emu.Trigger.time (m, 1000000) };
        var stop = yield m.run_async (until, 10000, null);
        assert (stop.get_reason_name () == "time");
    } catch (Error e) {
        error ("%s", e.message);
    }
    loop.quit ();
}

void test_async () {
    var loop = new MainLoop ();
    wait.begin (loop);
    loop.run ();
}

int main (string[] args) {
    Test.init (ref args);
    Test.add_func ("/vala/run", test_run);
    Test.add_func ("/vala/errors", test_errors);
    Test.add_func ("/vala/async", test_async);
    return Test.run ();
}
