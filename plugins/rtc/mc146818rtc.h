/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <emu/object.h>

/* Registers of the MC146818A (data sheet, figure 2) and the AT's century byte. */
enum {
    RTC_REG_SECONDS = 0x00,
    RTC_REG_SECONDS_ALARM = 0x01,
    RTC_REG_MINUTES = 0x02,
    RTC_REG_MINUTES_ALARM = 0x03,
    RTC_REG_HOURS = 0x04,
    RTC_REG_HOURS_ALARM = 0x05,
    RTC_REG_DAY_OF_WEEK = 0x06,
    RTC_REG_DAY_OF_MONTH = 0x07,
    RTC_REG_MONTH = 0x08,
    RTC_REG_YEAR = 0x09,
    RTC_REG_A = 0x0a,
    RTC_REG_B = 0x0b,
    RTC_REG_C = 0x0c,
    RTC_REG_D = 0x0d,
    RTC_REG_CENTURY = 0x32,
    RTC_REG_PS2_CENTURY = 0x37, /* the PS/2 put it here; both are the same byte for us */
};

#define RTC_A_UIP 0x80
#define RTC_A_DV 0x70
#define RTC_A_DV_RESET 0x60 /* 11x: divider chain held in reset */
#define RTC_A_RS 0x0f

#define RTC_B_SET 0x80
#define RTC_B_PIE 0x40
#define RTC_B_AIE 0x20
#define RTC_B_UIE 0x10
#define RTC_B_SQWE 0x08
#define RTC_B_DM 0x04 /* binary */
#define RTC_B_24H 0x02
#define RTC_B_DSE 0x01

#define RTC_C_IRQF 0x80
#define RTC_C_PF 0x40
#define RTC_C_AF 0x20
#define RTC_C_UF 0x10

#define RTC_D_VRT 0x80

extern const EmuTypeInfo rtc_type_info;
