# SPDX-License-Identifier: LGPL-2.1-or-later
"""Boot once, then branch: each branch begins in the state where the one before it was cut."""

from guest import linux

with linux() as m:
    m.start(paused=True)
    console = m["serial0"]
    console.expect("guest# ", timeout=600)

    def say(line):
        console.send(line + "\n")
        console.expect("guest# ", timeout=600)

    root = m.snapshot("prompt")
    tree = {}
    for color in "red", "blue":
        root.restore()
        say(f"COLOR={color}")
        branch = m.snapshot(color)
        for size in "big", "small":
            branch.restore()
            say(f"SIZE={size}")
            tree[color, size] = m.snapshot(f"{size} {color}")
    for (color, size), leaf in tree.items():
        leaf.restore()
        console.send("echo =$SIZE-$COLOR=\n")
        print(console.expect(r"=(\w+-\w+)=\r", timeout=600)[1], f"{leaf.size >> 10} KiB")
        assert console.text.rstrip().endswith(f"={size}-{color}=") or f"={size}-{color}=" in console.text
