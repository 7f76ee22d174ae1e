"""Families of torch's operations that are an exercise themselves, by the names that torch's dispatcher gives them.

Where torch makes a function of simpler operations, its public name is here.
"""


def names(text: str) -> frozenset[str]:
    """The words of `text`."""
    return frozenset(text.split())


def with_backward(family: frozenset[str]) -> frozenset[str]:
    """The operations of `family` together with their backward operations."""
    return family | {f"{name}_backward" for name in family}


# Leaky ReLU and PReLU.
LEAKY = names("leaky_relu _prelu_kernel")

SOFTMAX = names("""
    softmax _softmax _safe_softmax _masked_softmax _sparse_softmax softmin
    log_softmax _log_softmax _sparse_log_softmax
    _softmax_backward_data _log_softmax_backward_data _masked_softmax_backward
    _sparse_softmax_backward_data _sparse_log_softmax_backward_data
""")
# What is left of a softmax when its exponentials are gone.
LOG_SUM_EXP = names("logsumexp logcumsumexp")
CROSS_ENTROPY = SOFTMAX | names("""
    cross_entropy cross_entropy_loss nll_loss nll_loss_nd nll_loss_forward nll_loss2d nll_loss2d_forward
    nll_loss_backward nll_loss2d_backward
""")

CONVOLUTION = names("""
    convolution _convolution _convolution_mode convolution_overrideable conv1d conv2d conv3d conv_tbc
    conv_transpose1d conv_transpose2d conv_transpose3d conv_depthwise3d _conv_depthwise2d thnn_conv2d
    _slow_conv2d_forward slow_conv3d slow_conv3d_forward slow_conv_dilated2d slow_conv_dilated3d slow_conv_transpose2d
    slow_conv_transpose3d _nnpack_spatial_convolution mkldnn_convolution _convolution_pointwise
    _convolution_transpose_pointwise cudnn_convolution cudnn_convolution_relu cudnn_convolution_add_relu
    cudnn_convolution_transpose miopen_convolution miopen_convolution_relu miopen_convolution_add_relu
    miopen_convolution_transpose miopen_depthwise_convolution _mps_convolution _mps_convolution_transpose
""")
CONVOLUTION_BACKWARD = CONVOLUTION | names("""
    convolution_backward convolution_backward_overrideable _convolution_double_backward _slow_conv2d_backward
    conv_tbc_backward mps_convolution_backward mps_convolution_transpose_backward
""")
MAX_POOL = names("""
    max_pool1d max_pool1d_with_indices max_pool2d max_pool2d_with_indices max_pool3d max_pool3d_with_indices
    mkldnn_max_pool2d mkldnn_max_pool3d quantized_max_pool1d quantized_max_pool2d quantized_max_pool3d
    adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d fractional_max_pool2d fractional_max_pool3d
""")
AVG_POOL = names("""
    avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d
    _adaptive_avg_pool2d _adaptive_avg_pool3d mkldnn_adaptive_avg_pool2d
""")

BATCH_NORM = names("""
    batch_norm native_batch_norm cudnn_batch_norm miopen_batch_norm quantized_batch_norm
    _batch_norm_impl_index _native_batch_norm_legit _native_batch_norm_legit_functional
    _native_batch_norm_legit_no_training _batch_norm_no_update _batch_norm_with_update
    _batch_norm_with_update_functional batch_norm_stats batch_norm_update_stats batch_norm_elemt
    batch_norm_gather_stats batch_norm_gather_stats_with_counts
""")
NORMALIZERS = BATCH_NORM | names("""
    layer_norm native_layer_norm group_norm native_group_norm instance_norm rms_norm _fused_rms_norm var_mean std_mean
""")
NORMALIZERS_BACKWARD = with_backward(NORMALIZERS) | names("batch_norm_backward_reduce batch_norm_backward_elemt")
