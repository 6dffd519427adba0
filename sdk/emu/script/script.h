/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Everything of the scripting interface. */

#include <emu/script/board.h>
#include <emu/script/bus.h>
#include <emu/script/console.h>
#include <emu/script/cpu.h>
#include <emu/script/device.h>
#include <emu/script/machine.h>
#include <emu/script/memory.h>
#include <emu/script/object.h>
#include <emu/script/registry.h>
#include <emu/script/snapshot.h>
#include <emu/script/tap.h>
#include <emu/script/trigger.h>
#include <emu/script/types.h>
