/* Which kernels this machine runs. */
#include "network.h"

const Kernel *const *usable_kernels(void)
{
    static const Kernel *usable[4];
    int count = 0;
#ifdef XTREMEDISTIL_X86
    /* these ask CPUID, and XCR0 for whether the system saves the wide registers */
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        usable[count++] = &vnni_kernel;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        usable[count++] = &avx2_kernel;
#endif
    usable[count++] = &plain_kernel;
    usable[count] = NULL;
    return usable;
}
