// Numbers as kernels see them: stored as f16, bf16, f32 or f64 (-DNUMBER=...), computed as `real`: float, or double.
// No other header is needed. With HOST_SHIM the same text is C++; a test brings what CUDA would.
#pragma once

#define f16 1
#define bf16 2
#define f32 3
#define f64 4

#if NUMBER == f64
typedef double number;
typedef double real;
#define EXP exp
#define LOG1P log1p
#define TANH tanh
#else
#if NUMBER == f32
typedef float number;
#else
typedef unsigned short number;  // the bits of an f16 or bf16
#endif
typedef float real;
#define EXP expf
#define LOG1P log1pf
#define TANH tanhf
#endif

__device__ __forceinline__ real load(const number* from)
{
#if NUMBER == bf16
    return __uint_as_float((unsigned int)*from << 16);
#elif NUMBER == f16 && defined(HOST_SHIM)
    return float_of_half(*from);
#elif NUMBER == f16
    float value;
    asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(*from));
    return value;
#else
    return *from;
#endif
}

// Rounded to the nearest, ties to even; NaN stays NaN.
__device__ __forceinline__ void store(number* to, real value)
{
#if NUMBER == bf16
    unsigned int bits = __float_as_uint(value);
    bool nan = (bits & 0x7fffffffu) > 0x7f800000u;
    *to = (unsigned short)(nan ? (bits >> 16) | 0x40u : (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
#elif NUMBER == f16 && defined(HOST_SHIM)
    *to = half_of_float(value);
#elif NUMBER == f16
    unsigned short bits;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value));
    *to = bits;
#else
    *to = value;
#endif
}

// What `value` is after it has been stored.
__device__ __forceinline__ real stored(real value)
{
    number kept;
    store(&kept, value);
    return load(&kept);
}

// A thread's share: 16 bytes of neighbours where the caller vouches for alignment (-DWIDE=1), else one number.
#if WIDE
#define PACK ((int)(16 / sizeof(number)))
#else
#define PACK 1
#endif

struct alignas(PACK * sizeof(number)) Stored {
    number at[PACK];
};

struct alignas(WIDE ? 16 : sizeof(real)) Pack {
    real at[PACK];
};

__device__ __forceinline__ Pack load_pack(const number* from)
{
    Stored bits = *(const Stored*)from;
    Pack values;
#pragma unroll
    for (int i = 0; i < PACK; i++)
        values.at[i] = load(&bits.at[i]);
    return values;
}

__device__ __forceinline__ void store_pack(number* to, const Pack& values)
{
    Stored bits;
#pragma unroll
    for (int i = 0; i < PACK; i++)
        store(&bits.at[i], values.at[i]);
    *(Stored*)to = bits;
}

// Parameters (biases, noise, factors) come as `real`: a neighbour each, or one for the whole pack.
__device__ __forceinline__ Pack each_of(const real* from)
{
    return *(const Pack*)from;
}

__device__ __forceinline__ Pack all_of(real value)
{
    Pack values;
#pragma unroll
    for (int i = 0; i < PACK; i++)
        values.at[i] = value;
    return values;
}
