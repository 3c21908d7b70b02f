/* AVX-512 as vnni.c uses it, lane by lane in plain C, so that its code runs where its instructions
   do not. Rounding, saturation and the order of lanes are those of Intel's description. */
#include <immintrin.h>
#include <math.h>
#include <string.h>

#define TARGET __attribute__((target("avx2,fma")))

typedef union {
    uint8_t u8[64];
    int8_t i8[64];
    int16_t i16[32];
    uint16_t u16[32];
    int32_t i32[16];
    uint32_t u32[16];
    float f32[16];
    uint64_t u64[8];
    __m256i half[2];
} Lanes;
#define __m512i Lanes
#define __m512 Lanes

static int16_t emulated_saturate(int32_t v)
{
    return v > INT16_MAX ? INT16_MAX : v < INT16_MIN ? INT16_MIN : (int16_t)v;
}

static int32_t emulated_round(float v)
{
    return v >= 2147483648.0f || v < -2147483648.0f || v != v ? INT32_MIN : (int32_t)lrintf(v);
}

/* One function: its name, its arguments, the number of its result's lanes, and lane i of it. */
#define EMULATED(name, arguments, lanes, lane, value) \
    static __attribute__((noinline, unused)) TARGET Lanes emulated_##name arguments \
    { \
        Lanes r; \
        for (int i = 0; i < (lanes); i++) \
            r.lane[i] = (value); \
        return r; \
    }

static __attribute__((noinline)) Lanes emulated_load(const void *from)
{
    Lanes r;
    memcpy(&r, from, sizeof r);
    return r;
}

static __attribute__((noinline)) void emulated_store(void *to, Lanes a)
{
    memcpy(to, &a, sizeof a);
}

EMULATED(set1_32, (int32_t v), 16, i32, v)
EMULATED(set1_16, (int16_t v), 32, i16, v)
EMULATED(set1_float, (float v), 16, f32, v)
EMULATED(add_32, (Lanes a, Lanes b), 16, u32, a.u32[i] + b.u32[i])
EMULATED(to_float, (Lanes a), 16, f32, (float)a.i32[i])
EMULATED(to_int, (Lanes a), 16, i32, emulated_round(a.f32[i]))
EMULATED(floor_int, (Lanes a, int mode), 16, i32, ((void)mode, (int32_t)floorf(a.f32[i])))
EMULATED(mul_float, (Lanes a, Lanes b), 16, f32, a.f32[i] * b.f32[i])
EMULATED(fma_float, (Lanes a, Lanes b, Lanes c), 16, f32, fmaf(a.f32[i], b.f32[i], c.f32[i]))
EMULATED(min_float, (Lanes a, Lanes b), 16, f32, a.f32[i] < b.f32[i] ? a.f32[i] : b.f32[i])
EMULATED(max_float, (Lanes a, Lanes b), 16, f32, a.f32[i] > b.f32[i] ? a.f32[i] : b.f32[i])
EMULATED(shift_16, (Lanes a, int n), 32, u16, (uint16_t)(a.u16[i] >> n))
EMULATED(adds_16, (Lanes a, Lanes b), 32, i16, emulated_saturate(a.i16[i] + b.i16[i]))
EMULATED(mulhrs_16, (Lanes a, Lanes b), 32, i16,
         (int16_t)((((a.i16[i] * b.i16[i]) >> 14) + 1) >> 1))
EMULATED(choose_16, (Lanes a, Lanes at, Lanes b), 32, i16,
         (at.u16[i] & 32 ? b : a).i16[at.u16[i] & 31])
EMULATED(choose_float, (Lanes a, Lanes at, Lanes b), 16, f32,
         (at.u32[i] & 16 ? b : a).f32[at.u32[i] & 15])
/* in each 128 bits, four of the first and four of the second */
EMULATED(packs_32, (Lanes a, Lanes b), 32, i16,
         emulated_saturate((i & 4 ? b : a).i32[i / 8 * 4 + i % 4]))
EMULATED(shuffle_128, (Lanes a, Lanes b, int how), 8, u64,
         (i < 4 ? a : b).u64[(how >> i / 2 * 2 & 3) * 2 + i % 2])
EMULATED(widen, (__m256i a), 2, half, i ? _mm256_setzero_si256() : a)
EMULATED(insert_half, (Lanes a, __m256i b, int at), 2, half, i == at ? b : a.half[i])
/* the instruction itself: four products of unsigned and signed bytes */
EMULATED(dot, (Lanes sums, Lanes a, Lanes b), 16, i32,
         sums.i32[i] + a.u8[4 * i] * b.i8[4 * i] + a.u8[4 * i + 1] * b.i8[4 * i + 1] +
             a.u8[4 * i + 2] * b.i8[4 * i + 2] + a.u8[4 * i + 3] * b.i8[4 * i + 3])

static inline TARGET __m256i emulated_half(Lanes a, int at)
{
    return a.half[at];
}

static inline TARGET __m256i emulated_low_bytes(Lanes a)
{
    Lanes r;
    for (int i = 0; i < 32; i++)
        r.u8[i] = (uint8_t)a.u16[i];
    return r.half[0];
}

#define _mm512_loadu_si512 emulated_load
#define _mm512_loadu_ps emulated_load
#define _mm512_storeu_si512 emulated_store
#define _mm512_storeu_ps emulated_store
#define _mm512_set1_epi32 emulated_set1_32
#define _mm512_set1_epi16 emulated_set1_16
#define _mm512_set1_ps emulated_set1_float
#define _mm512_setzero_ps() emulated_set1_float(0)
#define _mm512_add_epi32 emulated_add_32
#define _mm512_cvtepi32_ps emulated_to_float
#define _mm512_cvtps_epi32 emulated_to_int
#undef _mm512_cvt_roundps_epi32
#define _mm512_cvt_roundps_epi32 emulated_floor_int /* the one rounding that is used */
#define _mm512_mul_ps emulated_mul_float
#define _mm512_fmadd_ps emulated_fma_float
#define _mm512_min_ps emulated_min_float
#define _mm512_max_ps emulated_max_float
#undef _mm512_srli_epi16
#define _mm512_srli_epi16 emulated_shift_16
#define _mm512_adds_epi16 emulated_adds_16
#define _mm512_mulhrs_epi16 emulated_mulhrs_16
#define _mm512_permutex2var_epi16 emulated_choose_16
#define _mm512_permutex2var_ps emulated_choose_float
#define _mm512_packs_epi32 emulated_packs_32
#undef _mm512_shuffle_i64x2
#define _mm512_shuffle_i64x2 emulated_shuffle_128
#define _mm512_castsi256_si512 emulated_widen
#define _mm512_castsi512_si256(a) emulated_half(a, 0)
#undef _mm512_inserti64x4
#define _mm512_inserti64x4 emulated_insert_half
#undef _mm512_extracti64x4_epi64
#define _mm512_extracti64x4_epi64 emulated_half
#define _mm512_cvtepi16_epi8 emulated_low_bytes
#define DOT(sums, codes, weights) ((sums) = emulated_dot(sums, codes, weights))
#define DOT_MEMORY(sums, codes, weights) \
    ((sums) = emulated_dot(sums, codes, emulated_load(weights)))
#define HOLD(weights) ((void)(weights))
