// y = clamp(act(x + b) * gain), and its first and second derivatives; the twin is generators/ops/bias_act.py.
//
// -DNUMBER, -DWIDE     number.h
// -DINDEX=int|long long
// -DACT=0..8           linear relu lrelu tanh sigmoid elu selu softplus swish
// -DORDER=0|1|2        0: in = x,           out = y
//                      1: in = dy,          out = dy * y'
//                      2: in = ddx, dy,     out = ddx * dy * y''
// -DFROM_Y=0|1         whether `at`, where derivatives are taken, is y (piecewise linear, gain > 0) or x
// -DBIAS=0|1|2         none; one channel to a pack; a pack of channels (of step 1)
//
// All tensors lie alike in memory, without gaps; the channel of element i is (i / step) % channels.
// clamp < 0: none. Each thread takes packs a grid apart.
#include "number.h"

#define LINEAR 0
#define RELU 1
#define LRELU 2
#define TANGENT 3
#define SIGMOID 4
#define ELU 5
#define SELU 6
#define SOFTPLUS 7
#define SWISH 8

#define SELU_ALPHA ((real)1.6732632423543772)
#define SELU_SCALE ((real)1.0507009873554805)
#define SOFTPLUS_LINEAR_FROM ((real)20)

__device__ __forceinline__ real sigmoid(real x)
{
    return 1 / (1 + EXP(-x));
}

__device__ __forceinline__ real value(real x, real alpha)
{
#if ACT == LINEAR
    return x;
#elif ACT == RELU
    return x < 0 ? 0 : x;  // NaN stays NaN
#elif ACT == LRELU
    return x > 0 ? x : x * alpha;
#elif ACT == TANGENT
    return TANH(x);
#elif ACT == SIGMOID
    return sigmoid(x);
#elif ACT == ELU
    return x > 0 ? x : EXP(x) - 1;
#elif ACT == SELU
    return SELU_SCALE * (x > 0 ? x : SELU_ALPHA * (EXP(x) - 1));
#elif ACT == SOFTPLUS
    return x > SOFTPLUS_LINEAR_FROM ? x : LOG1P(EXP(x));
#elif ACT == SWISH
    return x * sigmoid(x);
#endif
}

__device__ __forceinline__ real slope(real x, real alpha)
{
#if ACT == LINEAR
    return 1;
#elif ACT == RELU
    return x > 0 ? 1 : 0;
#elif ACT == LRELU
    return x > 0 ? 1 : alpha;
#elif ACT == TANGENT
    real t = TANH(x);
    return 1 - t * t;
#elif ACT == SIGMOID
    real s = sigmoid(x);
    return s * (1 - s);
#elif ACT == ELU
    return x > 0 ? 1 : EXP(x);
#elif ACT == SELU
    return SELU_SCALE * (x > 0 ? 1 : SELU_ALPHA * EXP(x));
#elif ACT == SOFTPLUS
    return x > SOFTPLUS_LINEAR_FROM ? 1 : sigmoid(x);
#elif ACT == SWISH
    real s = sigmoid(x);
    return s * (1 + x * (1 - s));
#endif
}

__device__ __forceinline__ real curvature(real x)
{
#if ACT == TANGENT
    real t = TANH(x);
    return -2 * t * (1 - t * t);
#elif ACT == SIGMOID
    real s = sigmoid(x);
    return s * (1 - s) * (1 - 2 * s);
#elif ACT == ELU
    return x < 0 ? EXP(x) : 0;
#elif ACT == SELU
    return x < 0 ? SELU_SCALE * SELU_ALPHA * EXP(x) : 0;
#elif ACT == SOFTPLUS
    real s = sigmoid(x);
    return x > SOFTPLUS_LINEAR_FROM ? 0 : s * (1 - s);
#elif ACT == SWISH
    real s = sigmoid(x);
    return s * (1 - s) * (2 + x * (1 - 2 * s));
#else
    return 0;
#endif
}

// Whether a gradient passes the clamp at `at`, x + b or y. A stored y that equals the clamp counts as clamped.
__device__ __forceinline__ bool open_at(real at, real alpha, real gain, real clamp)
{
    if (clamp < 0)
        return true;
#if FROM_Y
    real limit = stored(clamp);
    return at > -limit && at < limit;
#else
    real y = value(at, alpha) * gain;
    return y >= -clamp && y <= clamp;
#endif
}

extern "C" __global__ void __launch_bounds__(256) bias_act(
    const number* __restrict__ in, const number* __restrict__ dy, const number* __restrict__ at,
    const real* __restrict__ b, number* __restrict__ out,
    INDEX count, INDEX step, INDEX channels, real alpha, real gain, real clamp)
{
    INDEX stride = (INDEX)gridDim.x * blockDim.x * PACK;
    for (INDEX i = ((INDEX)blockIdx.x * blockDim.x + threadIdx.x) * PACK; i < count; i += stride) {
        Pack x = load_pack(in + i);
#if BIAS == 0
        Pack bias = all_of(0);
#elif BIAS == 1
        Pack bias = all_of(b[i / step % channels]);
#else
        Pack bias = each_of(b + i % channels);
#endif
#if ORDER > 0
        Pack where = load_pack(at + i);
#endif
#if ORDER == 2
        Pack g = load_pack(dy + i);
#endif
#pragma unroll
        for (int k = 0; k < PACK; k++) {
#if ORDER == 0
            real y = value(x.at[k] + bias.at[k], alpha) * gain;
            y = clamp >= 0 && y > clamp ? clamp : y;
            x.at[k] = clamp >= 0 && y < -clamp ? -clamp : y;
#else
            real here = where.at[k] + (FROM_Y ? 0 : bias.at[k]);
            bool open = open_at(here, alpha, gain, clamp);
#if ORDER == 1
            x.at[k] = open ? x.at[k] * slope(here, alpha) * gain : 0;
#else
            x.at[k] = open ? x.at[k] * g.at[k] * curvature(here) * gain : 0;
#endif
#endif
        }
        store_pack(out + i, x);
    }
}
