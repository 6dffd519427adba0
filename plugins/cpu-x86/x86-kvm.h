/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <emu/kvm.h>

extern const EmuKvmFrontend x86_kvm_frontend;
