/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Everything of the device tier. */

#include <emu/block-driver.h>
#include <emu/block.h>
#include <emu/chardev.h>
#include <emu/cpu.h>
#include <emu/device.h>
#include <emu/fw-cfg.h>
#include <emu/i2c.h>
#include <emu/info.h>
#include <emu/isa.h>
#include <emu/log.h>
#include <emu/machine.h>
#include <emu/macros.h>
#include <emu/mainloop.h>
#include <emu/memory-device.h>
#include <emu/memory.h>
#include <emu/object.h>
#include <emu/pci.h>
#include <emu/plugin.h>
#include <emu/reload.h>
#include <emu/registers.h>
#include <emu/spi.h>
#include <emu/ui.h>
#include <emu/vmstate.h>
#include <emu/x86-pc.h>
