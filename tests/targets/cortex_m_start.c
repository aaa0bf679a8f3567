/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Start-up of a Cortex-M and its way out. The host is reached by semihosting: a BKPT 0xAB with the number of a service in
 * r0 and its arguments in memory (Arm, "Semihosting for AArch32 and AArch64").
 */
#include "cortex_m.h"

#define CONFIGURATION (*(volatile uint32_t *)0xe000ed14u)        /* CCR */
#define TRAP_UNALIGNED (1u << 3)
#define COPROCESSOR_ACCESS (*(volatile uint32_t *)0xe000ed88u)   /* CPACR */
#define SERVICE_WRITE_TEXT 0x04
#define SERVICE_EXIT 0x20
#define APPLICATION_EXIT 0x20026u

extern uint32_t stack_top[], data_start[], data_end[], bss_start[], bss_end[];
extern const uint32_t data_image[];

int main(void);
void reset_handler(void);
void fault_handler(void);

intptr_t semihosting(intptr_t service, const void *arguments)
{
    register intptr_t r0 __asm__("r0") = service;
    register const void *r1 __asm__("r1") = arguments;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

static _Noreturn void leave(uint32_t code)
{
    const uint32_t arguments[2] = {APPLICATION_EXIT, code};
    for (;;) semihosting(SERVICE_EXIT, arguments);
}

/* Every fault ends the program at once with a status of its own: a crash must not look like a hang. */
void fault_handler(void)
{
    semihosting(SERVICE_WRITE_TEXT, "processor fault\n");
    leave(3);
}

void reset_handler(void)
{
    const uint32_t *from = data_image;
    uint32_t *to;
    for (to = data_start; to < data_end; to++) *to = *from++;
    for (to = bss_start; to < bss_end; to++) *to = 0;
#if defined(__ARM_ARCH_6M__)
    CONFIGURATION |= TRAP_UNALIGNED;    /* also on a larger core that runs the same code: Cortex-M0 always traps */
#endif
#if defined(__ARM_FP) || defined(__ARM_FEATURE_MVE)
    COPROCESSOR_ACCESS |= 0xfu << 20;   /* the float and vector unit is off after reset */
    __asm__ volatile("dsb\n\tisb" ::: "memory");
#endif
    leave((uint32_t)main());
}

typedef void (*vector)(void);

__attribute__((section(".vectors"), used)) static const vector vectors[16] = {
    (vector)(uintptr_t)stack_top, reset_handler, fault_handler, fault_handler,
    fault_handler,                fault_handler, fault_handler,
};
