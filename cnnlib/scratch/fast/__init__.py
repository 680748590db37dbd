"""The fast forms of convolution, each with the same three verbs: `choose` takes the one that fits.

forward(x, w, bias, stride, padding, dilation, groups)                      → output
backward_weight(grad_output, x, kernel, stride, padding, dilation, groups)  → gradient of the weight
backward_input(grad_output, w, size, stride, padding, dilation, groups)     → gradient of the input

x (N, C, H, W), w (O, C/groups, kH, kW), bias (O,) or None, grad_output (N, O, H_out, W_out); kernel is (kH, kW), size
is (H, W). Options are tuples with one int for each axis; padding is ((top, bottom), (left, right)).
"""
