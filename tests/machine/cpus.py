#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""CPU models: their names and versions, what CPUID says of each, topologies, and lines that are refused."""

import os
import re
import shutil
import struct
import subprocess
import tempfile
import time

import harness
from harness import EMU, PLUGINS, Emu, Failure, Skip

HERE = os.path.dirname(os.path.abspath(__file__))
ROM = os.path.join(harness.BUILD, "tests", "guest", "bare", "cpuid.rom")
FEATURES = os.path.join(HERE, "..", "..", "plugins", "cpu-x86", "x86-features.inc")

# Where CPUID shows a feature word: leaf, subleaf, register.
PLACES = {
    "1_EDX": (1, 0, 3), "1_ECX": (1, 0, 2), "7_EBX": (7, 0, 1), "7_ECX": (7, 0, 2), "7_EDX": (7, 0, 3), "7_1_EAX": (7, 1, 0),
    "80000001_EDX": (0x80000001, 0, 3), "80000001_ECX": (0x80000001, 0, 2), "80000007_EDX": (0x80000007, 0, 3),
    "80000008_EBX": (0x80000008, 0, 1), "D_1_EAX": (0xd, 1, 0), "6_EAX": (6, 0, 0), "8000000A_EDX": (0x8000000a, 0, 3),
}
FOLLOWS = {"ht", "cmp-legacy"}  # from the topology


def same(got, expected, what=""):
    if got != expected:
        raise Failure(f"{what}: {got!r}, expected {expected!r}")


def features():
    """{name: (leaf, subleaf, register, bit)} of the words in PLACES."""
    text = open(FEATURES, encoding="utf-8").read()
    found = {}
    for word, names in re.findall(r"^X86_FEATURE_NAMES\(X86_CPUID_(\w+),\n(.*?)\)$", text, re.S | re.M):
        for bit, name in enumerate(n.strip() for n in names.split(",")):
            if word in PLACES and name != "NULL":
                found[name.strip('"')] = (*PLACES[word], bit)
    return found


def models():
    """cpu-models.txt: {name: (second names, identity, features)}."""
    lines = [line.rstrip("\n") for line in open(os.path.join(HERE, "cpu-models.txt"), encoding="utf-8") if not line.startswith("#")]
    found = {}
    for head, identity, on in zip(*[iter(lines)] * 3):
        name, _, seconds = head.partition(" = ")
        vendor, *numbers, model_id = re.match(r' *(\w+) (\d+) (\d+) (\d+) (\S+) (\S+) "(.*)"$', identity).groups()
        found[name] = (seconds.split(), (vendor, *(int(n, 0) for n in numbers), model_id), on.split())
    return found


def definitions(qmp):
    return {d["name"]: d for d in qmp.command("query-cpu-definitions")["return"]}


def expansion(qmp, name, **props):
    reply = qmp.command("query-cpu-model-expansion", type="full", model={"name": name, **({"props": props} if props else {})})
    if "error" in reply:
        raise Failure(f"{name}: {reply['error']}")
    return reply["return"]["model"]["props"]


# ---- names ---------------------------------------------------------------------------------------------------------------


def every_version_is_as_in_the_data():
    data = models()
    known = {f for _, _, on in data.values() for f in on}
    with Emu("-M", "pc", "-S", "-m", "16") as emu:
        qmp = emu.qmp()
        listed = definitions(qmp)
        for name, (seconds, identity, on) in data.items():
            if "alias-of" in listed[name]:
                raise Failure(f"{name} is an alias of {listed[name]['alias-of']}")
            for second in seconds:
                same(listed[second].get("alias-of"), name, f"{second}: alias-of")
            for each in [name, *seconds]:
                props = expansion(qmp, each)
                same(tuple(props[p] for p in ("vendor", "family", "model", "stepping", "min-level", "min-xlevel", "model-id")), identity, each)
                same({f for f in known if props.get(f)}, set(on), f"{each}: features")
                same(props["kvmclock"], False, f"{each}: kvmclock without KVM")


RAS_AND_SVM = "overflow-recov succor lbrv tsc-scale vmcb-clean flushbyasid pause-filter pfthreshold v-vmsave-vmload vgif"
# What a version has and the one before it has not, and the other way round.
CHANGES = {
    "EPYC-v4": ("", ""),
    "EPYC-v5": (RAS_AND_SVM, ""),
    "EPYC-Genoa-v2": (RAS_AND_SVM + " fs-gs-base-ns perfmon-v2", ""),
    "EPYC-Milan-v2": ("vaes vpclmulqdq stibp-always-on amd-psfd no-nested-data-bp lfence-always-serializing null-sel-clr-base", ""),
    "EPYC-Milan-v3": (RAS_AND_SVM, ""),
    "EPYC-Rome-v4": ("", "xsaves"),
    "EPYC-Rome-v5": (RAS_AND_SVM, ""),
    "Icelake-Server-v7": ("hle rtm", ""),
    "SapphireRapids-v2": ("sbdr-ssdp-no fbsdp-no psdp-no", ""),
    "SapphireRapids-v3": ("ss tsc-adjust cldemote movdiri movdir64b", ""),
    "SapphireRapids-v4": ("", ""),
    "SapphireRapids-v5": ("cet-ss shstk cet-ibt ibt", ""),
    "SapphireRapids-v6": ("its-no", ""),
    "GraniteRapids-v2": ("ss tsc-adjust cldemote movdiri movdir64b avx10 avx10-128 avx10-256 avx10-512", ""),
    "GraniteRapids-v4": ("cet-ss shstk cet-ibt ibt", ""),
    "GraniteRapids-v5": ("its-no", ""),
    "SierraForest-v2": ("ss tsc-adjust cldemote movdiri movdir64b gds-no rfds-no lam intel-psfd ipred-ctrl rrsba-ctrl bhi-ctrl", ""),
    "SierraForest-v4": ("cet-ss shstk cet-ibt ibt", ""),
    "SierraForest-v5": ("its-no", ""),
    "ClearwaterForest-v2": ("cet-ss shstk cet-ibt ibt", ""),
    "ClearwaterForest-v3": ("its-no", ""),
    "YongFeng-v2": ("", ""),
}
# Of the first versions: family, model, stepping, min-level, min-xlevel, how many features.
NEWER = {
    "SapphireRapids": (6, 143, 4, 0x20, 0x80000008), "GraniteRapids": (6, 173, 0, 0x20, 0x80000008),
    "SierraForest": (6, 175, 0, 0x23, 0x80000008), "ClearwaterForest": (6, 221, 0, 0x23, 0x80000008),
    "EPYC-Genoa": (25, 17, 0, 0xd, 0x80000022), "EPYC-Turin": (26, 0, 0, 0xd, 0x80000022), "YongFeng": (7, 11, 3, 0x1f, 0xc0000001),
}


def newer_models_and_versions():
    with Emu("-M", "pc", "-S", "-m", "16") as emu:
        qmp = emu.qmp()
        listed = definitions(qmp)
        for name, changes in CHANGES.items():
            base, _, version = name.rpartition("-v")
            before, after = (expansion(qmp, f"{base}-v{n}") for n in (int(version) - 1, int(version)))
            more = {p for p in after if after[p] is True and before[p] is False and "_" not in p}
            fewer = {p for p in after if after[p] is False and before[p] is True and "_" not in p}
            same((more - {"x-force-cpuid-0x1f"}, fewer - {"legacy-cache"}), tuple(set(c.split()) for c in changes), name)
        for name, identity in NEWER.items():
            same(listed[name]["alias-of"], name + "-v1", name)
            props = expansion(qmp, name)
            got = tuple(props[p] for p in ("family", "model", "stepping", "min-level", "min-xlevel"))
            same(got[:4], identity[:4], name)
            same(props["min-xlevel2"] if identity[4] >= 0xc0000000 else got[4], identity[4], name)
        same(expansion(qmp, "YongFeng-v2")["model"], 91, "YongFeng-v2")
        same(expansion(qmp, "YongFeng")["vendor"], "  Shanghai  ", "YongFeng")


def special_models():
    with Emu("-M", "pc", "-S", "-m", "16", accel="tcg") as emu:
        qmp = emu.qmp()
        listed = definitions(qmp)
        same((listed["base"]["static"], listed["base"]["migration-safe"], listed["base"]["unavailable-features"]), (True, True, []), "base")
        same((listed["host"]["migration-safe"], listed["host"]["unavailable-features"]), (False, ["kvm"]), "host")
        same((listed["max"]["migration-safe"], listed["max"]["unavailable-features"]), (False, []), "max")
        same("spec-ctrl" in listed["Haswell-v3"]["unavailable-features"], True, "Haswell-v3: unavailable features")
        same({"hle", "rtm"} & set(listed["Haswell"]["unavailable-features"]), set(), "Haswell: transactions")
        same(expansion(qmp, "max")["rtm"], False, "max: transactions")
        known = features()
        same([f for f in known if expansion(qmp, "base").get(f)], [], "base: features")
        same(expansion(qmp, "Haswell", rtm=False, family=7)["family"], 7, "props")
        reply = qmp.command("query-cpu-model-expansion", type="full", model={"name": "host"})
        same(reply["error"]["desc"], "CPU model 'host' requires KVM")
    listing = subprocess.run([EMU, "--plugin-dir", PLUGINS, "-cpu", "help"], capture_output=True, text=True, check=True).stdout
    for line in (r"EPYC +\(alias configured by machine type\)", r"EPYC-IBPB +\(alias of EPYC-v2\)", r"EPYC-v2 +AMD EPYC Processor \(with IBPB\)"):
        if not re.search("^ *" + line + "$", listing, re.M):
            raise Failure(f"-cpu help has no line {line}")


# ---- what a guest sees ------------------------------------------------------------------------------------------------------


def see(*args, binary=None, accel="tcg"):
    """Runs the guest that reads CPUID: {APIC ID: {(leaf, subleaf): (eax, ebx, ecx, edx)}}."""
    if not os.path.exists(ROM):
        raise Skip("nasm is not installed: there is no guest")
    with tempfile.TemporaryDirectory() as folder:
        log = os.path.join(folder, "log")
        command = [*(binary or [EMU, "--plugin-dir", PLUGINS]), "-M", "pc", "-accel", accel, "-m", "16", "-bios", ROM, "-display", "none",
                   "-nodefaults", "-chardev", f"file,id=d,path={log}", "-device", "isa-debugcon,iobase=0x402,chardev=d", *args]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            deadline = time.monotonic() + 120 * harness.PATIENCE
            data = b""
            while not data.endswith(b"end\n"):
                if process.poll() is not None:
                    raise Failure(f"{' '.join(args)}: it ended: {process.stderr.read()}")
                if time.monotonic() > deadline:
                    raise Failure(f"{' '.join(args)}: the guest did not end")
                time.sleep(0.02)
                if os.path.exists(log):
                    with open(log, "rb") as f:
                        data = f.read()
        finally:
            process.kill()
            process.communicate()
    cpus, cpu = {}, {}
    for leaf, subleaf, *values in struct.iter_unpack("<6I", data[:-4]):
        if leaf == 0xfffffffe:
            cpus[cpu[1, 0][1] >> 24] = cpu
            cpu = {}
        elif leaf != 0xffffffff:
            cpu[leaf, subleaf] = tuple(values)
    return cpus


def text(leaves, *registers):
    return b"".join(struct.pack("<I", leaves[key][n]) for key, n in registers).rstrip(b"\0").decode()


def guest_sees_what_the_model_says():
    """Identity, limits and each feature bit: the model's, without what query-cpu-definitions calls unavailable."""
    data, known = models(), features()
    with Emu("-M", "pc", "-S", "-m", "16") as emu:
        listed = definitions(emu.qmp())
    for name in ("486-v1", "pentium3-v1", "qemu64-v1", "Penryn-v1", "Haswell-v4", "Cascadelake-Server-v5", "Snowridge-v4", "EPYC-v3", "EPYC-Rome-v2", "Dhyana-v2"):
        (leaves,) = see("-cpu", name + ",check=off").values()
        vendor, family, model, stepping, level, xlevel, model_id = data[name][1]
        low = min(family, 15)
        same(leaves[1, 0][0], (family - low) << 20 | model >> 4 << 16 | low << 8 | (model & 15) << 4 | stepping, f"{name}: signature")
        same(leaves[0, 0][0], level, f"{name}: level")
        same(text(leaves, ((0, 0), 1), ((0, 0), 3), ((0, 0), 2)), vendor, name)
        if xlevel:
            same(leaves[0x80000000, 0][0], xlevel, f"{name}: xlevel")
            same(text(leaves, *(((0x80000002 + i, 0), n) for i in range(3) for n in range(4))), model_id, name)
        seen = set()
        for feature, (leaf, subleaf, register, bit) in known.items():
            reach = xlevel if leaf >= 0x80000000 else level
            if leaf <= reach and leaves[leaf, subleaf][register] >> bit & 1:
                seen.add(feature)
        expected = set(data[name][2]) & set(known) - set(listed[name]["unavailable-features"])
        aliases = {f for f in seen if known[f][:3] == (0x80000001, 0, 3)}
        same(seen - FOLLOWS, expected, name)
        same(aliases <= set(data[name][2]), True, name)


def bits(count):
    return (count - 1).bit_length()


TOPOLOGIES = [(1, 1, 1, 1), (2, 1, 1, 1), (1, 1, 2, 2), (1, 1, 3, 1), (2, 1, 3, 2), (1, 2, 2, 2), (2, 2, 3, 1), (1, 1, 5, 3), (3, 1, 1, 1)]


def topologies():
    """Leaves 1, 4, BH, 1FH, 80000008H, 8000001DH and 8000001EH of every CPU (SDM 3A 9.9, APM 3 appendix E)."""
    for sockets, dies, cores, threads in TOPOLOGIES:
        smt, core = bits(threads), bits(threads) + bits(cores)
        package = core + bits(dies)
        logical = dies * cores * threads
        ids = {s << package | d << core | c << smt | t for s in range(sockets) for d in range(dies) for c in range(cores) for t in range(threads)}
        for model in ("Skylake-Server-v5", "EPYC-v3"):
            what = f"{model}, {sockets} x {dies} x {cores} x {threads}"
            args = f"{len(ids)},sockets={sockets},dies={dies},cores={cores},threads={threads}"
            cpus = see("-cpu", model + ",check=off", "-smp", args)
            same(set(cpus), ids, f"{what}: APIC IDs")
            for apic_id, leaves in cpus.items():
                intel = model.startswith("Sky")
                same((leaves[1, 0][1] >> 16 & 0xff, leaves[1, 0][3] >> 28 & 1), (logical if logical > 1 else 0, int(logical > 1)), f"{what}: leaf 1")
                same(leaves[0xb, 0], (smt, threads, 1 << 8, apic_id), f"{what}: leaf B")
                same(leaves[0xb, 1], (package, logical, 2 << 8 | 1, apic_id), f"{what}: leaf B")
                same(leaves[0xb, 2], (0, 0, 2, apic_id), f"{what}: leaf B")
                same(leaves[0, 0][0] >= 0x1f, intel and dies > 1, f"{what}: leaf 1F is there")
                if intel and dies > 1:
                    same(leaves[0x1f, 0], (smt, threads, 1 << 8, apic_id), f"{what}: leaf 1F")
                    same(leaves[0x1f, 1], (core, cores * threads, 2 << 8 | 1, apic_id), f"{what}: leaf 1F")
                    same(leaves[0x1f, 2], (package, logical, 5 << 8 | 2, apic_id), f"{what}: leaf 1F")
                same(leaves[0x80000008, 0][2], (package << 12 | logical - 1) if logical > 1 else 0, f"{what}: leaf 80000008")
                if intel:
                    shared = [0, 0, (1 << smt) - 1, (1 << core) - 1]
                    same([leaves[4, n][0] >> 14 & 0xfff for n in range(4)], shared, f"{what}: leaf 4")
                    same({leaves[4, n][0] >> 26 for n in range(4)}, {(1 << package - smt) - 1}, f"{what}: leaf 4")
                else:
                    shared = [(1 << smt) - 1] * 3 + [(1 << core) - 1]
                    same([leaves[0x8000001d, n][0] >> 14 & 0xfff for n in range(4)], shared, f"{what}: leaf 8000001D")
                    core_id = apic_id >> smt & (1 << package - smt) - 1
                    same(leaves[0x8000001e, 0], (apic_id, threads - 1 << 8 | core_id, apic_id >> package, 0), f"{what}: leaf 8000001E")


# -cpu line: (leaf, subleaf), register, value
SEEN = [
    ("Haswell,level=4", (0, 0), 0, 4),
    ("Haswell,level=4,+avx2", (4, 0), 1, 0x1c0003f),
    ("Haswell,min-level=0x20", (0, 0), 0, 0x20),
    ("486,min-level=3", (0, 0), 0, 3),
    ("qemu64,xlevel=0x80000004", (0x80000000, 0), 0, 0x80000004),
    ("qemu64,min-xlevel=0x8000001e", (0x80000000, 0), 0, 0x8000001e),
    ("Penryn,xlevel2=0xc0000001", (0xc0000000, 0), 0, 0xc0000001),
    ("Penryn,min-xlevel2=0xc0000003", (0xc0000000, 0), 0, 0xc0000003),
    ("486,+rdseed,full-cpuid-auto-level=off", (0, 0), 0, 7),
    ("486,+arat,full-cpuid-auto-level=off", (0, 0), 0, 1),
    ("486,+arat", (0, 0), 0, 6),
    ("Haswell,level-func7=2", (7, 0), 0, 2),
    ("Haswell,cpuid-0xb=off", (0xb, 1), 2, 0),
    ("SapphireRapids-v4", (0x1f, 1), 2, 0x201),
    ("SapphireRapids-v3", (0x1f, 1), 2, 0),
    ("SapphireRapids-v4", (4, 3), 2, 65535),
    ("Haswell,x-force-cpuid-0x1f=on", (0, 0), 0, 0x1f),
    ("Haswell,l3-cache=off", (4, 3), 0, 0),
    ("EPYC,l3-cache=off", (0x80000006, 0), 3, 0),
    ("EPYC", (0x8000001d, 1), 2, 255),
    ("EPYC,legacy-cache=on", (0x8000001d, 1), 2, 511),
    ("EPYC-v4", (0x8000001d, 3), 3, 2),
    ("EPYC-v5", (0x8000001d, 3), 3, 1),
    ("EPYC-Turin", (0x80000005, 0), 2, 48 << 24 | 12 << 16 | 1 << 8 | 64),
    ("qemu64,x-vendor-cpuid-only=off", (2, 0), 3, 0x2c307d),
    ("qemu64", (2, 0), 3, 0),
    ("qemu64,tcg-cpuid=off,level=1", (0x40000000, 0), 0, 0x60fb1),
    ("qemu64,guest-phys-bits=38", (0x80000008, 0), 0, 38 << 16 | 48 << 8 | 40),
    ("qemu64,ucode-rev=0x123400000000", (0xfffffffd, 0x8b), 3, 0x1234),
    ("qemu64", (0xfffffffd, 0x8b), 0, 0x01000065),
    ("Haswell", (0xfffffffd, 0x8b), 3, 1),
    ("Haswell,+arch-capabilities,+rdctl-no,mds-no=on", (0xfffffffd, 0x10a), 0, 0x21),
    ("GraniteRapids-v5", (0xfffffffd, 0x10a), 3, 1 << 30),
    ("Cascadelake-Server-v2,-arch-capabilities,enforce=off", (7, 0), 3, 0),
    ("Snowridge", (0xfffffffd, 0xcf), 0, 0),
    ("qemu64,+sse4_1,sse4-2=on,ssse3", (1, 0), 2, 0x80182201),
]


def properties_show():
    for line, key, register, value in SEEN:
        (leaves,) = see("-cpu", line + ",check=off").values()
        same(leaves[key][register], value, f"-cpu {line}: leaf {key[0]:x}.{key[1]} register {register}")
    (leaves,) = see("-cpu", "max,host-cache-info=on").values()
    if not leaves[0x80000005, 0][2]:
        raise Failure("host-cache-info shows no cache")


def leaves_of_the_host():
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        raise Skip("/dev/kvm cannot be opened")
    try:
        (host,) = see("-cpu", "host", accel="kvm").values()
    except Failure as failure:
        if "KVM" in str(failure):
            raise Skip(str(failure)) from None
        raise
    (model,) = see("-cpu", "EPYC-Genoa-v2,check=off", accel="kvm").values()
    same(model[0, 0][1:], host[0, 0][1:], "the vendor is the host's")
    same(model[0x40000000, 0][1:], struct.unpack("<3I", b"KVMKVMKVM\0\0\0"), "leaf 40000000")
    same(model[0x40000001, 0][0] & 9, 9, "kvmclock")
    same(model[1, 0][2] >> 3 & 1, 0, "monitor")
    (bare,) = see("-cpu", "qemu64,kvmclock=off,check=off", accel="kvm").values()
    same(bare[0x40000001, 0][0] & 9, 0, "kvmclock=off")
    (hidden,) = see("-cpu", "qemu64,kvm=off,check=off", accel="kvm").values()
    same(hidden[0x40000000, 0][1] != struct.unpack("<I", b"KVMK")[0], True, "kvm=off")
    (stable,) = see("-cpu", "host,migratable=off", accel="kvm").values()
    same(host[0x80000007, 0][3] >> 8 & 1, 0, "invtsc of a CPU that may migrate")
    if stable[0x80000007, 0][3] >> 8 & 1:
        same(stable[0x40000010, 0][0] > 0, True, "frequencies of a counter that never changes")


def shared_leaves(leaves):
    """Without what two translators need not share: features, and what is laid out by them."""
    blank = {(1, 0): (2, 3), (7, 0): (0, 1, 2, 3), (0x80000001, 0): (2, 3), (0x80000008, 0): (1,)}
    kept = {}
    for (leaf, subleaf), values in leaves.items():
        if leaf in (0xd, 0x8000000a) or 0x40000002 <= leaf < 0x80000000 or leaf > 0x8000001e or leaf > leaves[0x80000000, 0][0]:
            continue
        if 0xd < leaf < 0x40000000:
            continue
        hide = blank.get((leaf, 0), ())
        kept[leaf, subleaf] = tuple(0 if n in hide else v for n, v in enumerate(values))
    return kept


def as_another_emulator():
    qemu = shutil.which("qemu-system-x86_64")
    if not qemu:
        raise Skip("qemu-system-x86_64 is not installed")
    version = subprocess.run([qemu, "--version"], capture_output=True, text=True, check=True).stdout
    if "version 7.2" not in version:
        raise Skip(f"{version.splitlines()[0]}, not 7.2")
    for args in (("EPYC-v3", "1"), ("EPYC-Rome", "4,cores=2,threads=2"), ("Haswell-v2", "4,sockets=2,cores=2"), ("Denverton", "4,cores=2,threads=2"),
                 ("qemu64,min-xlevel=0x8000001e", "2"), ("Skylake-Client-v4,l3-cache=off", "1"), ("phenom", "1"), ("coreduo", "2,cores=2")):
        line = ("-cpu", args[0] + ",check=off", "-smp", args[1])
        theirs, ours = see(*line, binary=[qemu]), see(*line)
        same(set(ours), set(theirs), f"{args}: APIC IDs")
        for apic_id, leaves in ours.items():
            expected, got = shared_leaves(theirs[apic_id]), shared_leaves(leaves)
            for key in expected:
                same(got.get(key), expected[key], f"{args}: CPU {apic_id}, leaf {key[0]:x}.{key[1]}")


# ---- lines that are refused ------------------------------------------------------------------------------------------------


REFUSED = [
    (("-cpu", "EPYC-v9"), "unable to find CPU model 'EPYC-v9'"),
    (("-cpu", "Haswell-v0"), "unable to find CPU model 'Haswell-v0'"),
    (("-cpu", ""), "unable to find CPU model ''"),
    (("-cpu", "x86_64-cpu"), "unable to find CPU model"),
    (("-cpu", "qemu64,+nosuch"), "nosuch"),
    (("-cpu", "qemu64,nosuch=1"), "nosuch"),
    (("-cpu", "qemu64,migratable=on"), "migratable"),
    (("-cpu", "qemu64,vmx-nosuch=on"), "vmx-nosuch"),
    (("-cpu", "qemu64,level=many"), "level"),
    (("-cpu", "qemu64,level=0x1ffffffff"), "level"),
    (("-cpu", "qemu64,sse=maybe"), "sse"),
    (("-cpu", "qemu64,phys-bits=20"), "phys-bits is 20, expected 32 to 52"),
    (("-cpu", "qemu64,phys-bits=60"), "phys-bits"),
    (("-cpu", "qemu64,guest-phys-bits=48"), "guest-phys-bits is 48, expected 32 to phys-bits, 40"),
    (("-cpu", "qemu64,vendor=short"), "property 'vendor' is 'short', expected exactly 12 characters"),
    (("-cpu", "qemu64,stepping=16"), "stepping 16"),
    (("-cpu", "qemu64,family=271"), "family 271"),
    (("-cpu", "qemu64,lmce=on"), "lmce"),
    (("-cpu", "qemu64,pmu=on", "-accel", "tcg"), "pmu"),
    (("-cpu", "qemu64,fill-mtrr-mask=on"), "fill-mtrr-mask"),
    (("-cpu", "qemu64,legacy-cache=off"), "legacy-cache=off"),
    (("-cpu", "host", "-accel", "tcg"), "CPU model 'host' requires KVM"),
    (("-cpu", "Haswell-v3,enforce=on", "-accel", "tcg"), "enforce is on"),
    (("-smp", "0"), "greater than zero"),
    (("-smp", "2,cores=3"), "maxcpus"),
    (("-smp", "1,threads=-1"), "threads"),
    (("-smp", "cpus=4294967297"), ""),
    (("-smp", "1,books=1"), "books"),
    (("-numa", "node,nodeid=200"), "nodeid"),
    (("-numa", "node,cpus=7"), ""),
    (("-numa", "cpu,node-id=0,socket-id=9"), ""),
    (("-numa", "dist,src=0,dst=1,val=5"), ""),
    (("-numa", "nosuch"), "nosuch"),
]


def bad_lines_are_refused():
    for args, message in REFUSED:
        done = subprocess.run([EMU, "--plugin-dir", PLUGINS, "-M", "pc", "-S", "-m", "16", "-display", "none", "-nodefaults", *args],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60 * harness.PATIENCE, check=False)
        lines = [line for line in done.stderr.splitlines() if "warning:" not in line]
        if done.returncode != 1 or len(lines) != 1 or message not in lines[0]:
            raise Failure(f"{' '.join(args)}: status {done.returncode}, {done.stderr!r}, expected one line with {message!r}")


harness.run([
    ("cpus/models/every-version-is-as-in-the-data", every_version_is_as_in_the_data),
    ("cpus/models/newer-models-and-versions", newer_models_and_versions),
    ("cpus/models/max-host-base", special_models),
    ("cpus/leaves/the-guest-sees-what-the-model-says", guest_sees_what_the_model_says),
    ("cpus/leaves/topologies", topologies),
    ("cpus/leaves/properties-show", properties_show),
    ("cpus/leaves/of-the-host", leaves_of_the_host),
    ("cpus/leaves/as-another-emulator", as_another_emulator),
    ("cpus/refused/one-sentence-each", bad_lines_are_refused),
])
