// What follows a modulated convolution, in one go: y = clamp(act(x * d + noise + b) * gain) * s; the twin is in
// generators/ops/styled_conv.py. x, y (N, C, H, W); d, s (N, C); noise (1 or N, H, W); b (C).
//
// -DNUMBER, -DWIDE      number.h
// -DINDEX=int|long long
// -DACT=0|1|2           linear relu lrelu
// -DORDER=0|1           0: out = y
//                       1: from dy: out = the gradient of x * d + noise + b; and, where the pointer is not null,
//                          dx = out * d,  for_d = out * x,  for_s = dy * y / s, to be summed by the caller
// -DLAST=0|1            whether channels are last in memory
//
// d, noise, b, s may be null. Tensors of one size lie alike, without gaps; clamp < 0: none. A pack is of one plane,
// or of one pixel with -DLAST=1: the caller sees to it that it fits.
#include "number.h"

#define LINEAR 0
#define RELU 1
#define LRELU 2

extern "C" __global__ void __launch_bounds__(256) epilogue(
    const number* __restrict__ x, const number* __restrict__ dy, const real* __restrict__ d,
    const real* __restrict__ noise, const real* __restrict__ b, const real* __restrict__ s,
    number* __restrict__ out, number* __restrict__ dx, number* __restrict__ for_d, number* __restrict__ for_s,
    INDEX count, INDEX channels, INDEX pixels, int noises, real alpha, real gain, real clamp)
{
    INDEX stride = (INDEX)gridDim.x * blockDim.x * PACK;
    for (INDEX i = ((INDEX)blockIdx.x * blockDim.x + threadIdx.x) * PACK; i < count; i += stride) {
#if LAST
        INDEX c = i % channels, place = i / channels, n = place / pixels, pixel = place % pixels;
#define OF_CHANNEL(from, at) each_of((from) + (at))
#define OF_PIXEL(from, at) all_of((from)[at])
#else
        INDEX plane = i / pixels, pixel = i % pixels, n = plane / channels, c = plane % channels;
#define OF_CHANNEL(from, at) all_of((from)[at])
#define OF_PIXEL(from, at) each_of((from) + (at))
#endif
        Pack value = load_pack(x + i);
        Pack factor = d ? OF_CHANNEL(d, n * channels + c) : all_of(1);
        Pack grain = noise ? OF_PIXEL(noise, (noises > 1 ? n * pixels : 0) + pixel) : all_of(0);
        Pack bias = b ? OF_CHANNEL(b, c) : all_of(0);
        Pack next = s ? OF_CHANNEL(s, n * channels + c) : all_of(1);
#if ORDER == 1
        Pack g = load_pack(dy + i), gx, gd, gs;
#endif
#pragma unroll
        for (int k = 0; k < PACK; k++) {
            real z = value.at[k] * factor.at[k] + (grain.at[k] + bias.at[k]);
#if ACT == LINEAR
            real slope = gain;
#elif ACT == RELU
            real slope = z > 0 ? gain : 0;
#else
            real slope = z > 0 ? gain : gain * alpha;
#endif
            real y = z == z && slope == 0 ? 0 : z * slope;  // relu of -inf is 0, of NaN is NaN
            bool high = clamp >= 0 && y > clamp, low = clamp >= 0 && y < -clamp;
            y = high ? clamp : low ? -clamp : y;
#if ORDER == 0
            value.at[k] = y * next.at[k];
#else
            real gz = high || low ? 0 : g.at[k] * next.at[k] * slope;
            gx.at[k] = gz * factor.at[k];
            gd.at[k] = gz * value.at[k];
            gs.at[k] = g.at[k] * y;
            value.at[k] = gz;
#endif
        }
#if ORDER == 0
        store_pack(out + i, value);
#else
        if (out)
            store_pack(out + i, value);
        if (dx)
            store_pack(dx + i, gx);
        if (for_d)
            store_pack(for_d + i, gd);
        if (for_s)
            store_pack(for_s + i, gs);
#endif
    }
}
