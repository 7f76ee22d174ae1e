"""Families of functions that are an exercise themselves, in every library that a notebook may import.

A name without a dot is torch's: the one that its dispatcher gives to an operation or, where torch makes a function of
simpler operations, its public name. These are stopped while they run, too. A name with a dot begins with another
library, and what follows stands in the path below it: `scipy.expit` is `scipy.special.expit`. These are found by
reading. What an exercise may be built from is not here: `clamp` is no ReLU, and a singular value decomposition is no
principal component analysis.
"""


def names(text: str) -> frozenset[str]:
    """The words of `text`."""
    return frozenset(text.split())


def with_backward(family: frozenset[str]) -> frozenset[str]:
    """The operations of `family` together with their backward operations."""
    return family | {f"{name}_backward" for name in family if "." not in name}


# `expit` is the sigmoid's other name; the logistic distribution has it as its distribution function.
SIGMOID = names("""
    sigmoid expit special_expit log_sigmoid log_sigmoid_forward glu silu lstm gru lstm_cell gru_cell
    scipy.expit scipy.log_expit scipy.logistic scipy.genlogistic sklearn.neural_network
""")
TANH = names("""
    tanh tanhshrink lstm gru rnn_tanh lstm_cell gru_cell rnn_tanh_cell
    numpy.tanh math.tanh cmath.tanh sklearn.neural_network
""")
# Leaky ReLU and PReLU.
LEAKY = names("leaky_relu _prelu_kernel")
LEAKY_AND_RANDOM = LEAKY | names("rrelu_with_noise")
ELU = names("elu celu selu")
# The smooth ones are a ReLU where their scale is extreme.
RELU = (
    LEAKY_AND_RANDOM
    | ELU
    | names("""
    relu threshold hardtanh relu6 softplus silu gelu mish hardswish rnn_relu rnn_relu_cell sklearn.neural_network
""")
)

SOFTMAX = names("""
    softmax _softmax _safe_softmax _masked_softmax _sparse_softmax softmin
    log_softmax _log_softmax _sparse_log_softmax
    _softmax_backward_data _log_softmax_backward_data _masked_softmax_backward
    _sparse_softmax_backward_data _sparse_log_softmax_backward_data
    gumbel_softmax scaled_dot_product_attention multi_head_attention_forward _native_multi_head_attention
    scipy.softmax scipy.log_softmax sklearn.softmax sklearn.neural_network
""")
# What is left of a softmax when its exponentials are gone.
LOG_SUM_EXP = names("logsumexp logcumsumexp scipy.logsumexp numpy.logaddexp.reduce numpy.logaddexp.accumulate")
CROSS_ENTROPY = SOFTMAX | names("""
    cross_entropy cross_entropy_loss nll_loss nll_loss_nd nll_loss_forward nll_loss2d nll_loss2d_forward
    nll_loss_backward nll_loss2d_backward
    sklearn.log_loss
""")

CONVOLUTION = names("""
    convolution _convolution _convolution_mode convolution_overrideable conv1d conv2d conv3d conv_tbc
    conv_transpose1d conv_transpose2d conv_transpose3d conv_depthwise3d _conv_depthwise2d thnn_conv2d
    _slow_conv2d_forward slow_conv3d slow_conv3d_forward slow_conv_dilated2d slow_conv_dilated3d slow_conv_transpose2d
    slow_conv_transpose3d _nnpack_spatial_convolution mkldnn_convolution _convolution_pointwise
    _convolution_transpose_pointwise cudnn_convolution cudnn_convolution_relu cudnn_convolution_add_relu
    cudnn_convolution_transpose miopen_convolution miopen_convolution_relu miopen_convolution_add_relu
    miopen_convolution_transpose miopen_depthwise_convolution _mps_convolution _mps_convolution_transpose
    numpy.convolve numpy.correlate scipy.convolve scipy.convolve2d scipy.correlate scipy.correlate2d scipy.fftconvolve
    scipy.oaconvolve scipy.convolve1d scipy.correlate1d scipy.lfilter scipy.sepfir2d scipy.upfirdn scipy.generic_filter
    skimage.correlate_sparse PIL.ImageFilter
""")
CONVOLUTION_BACKWARD = CONVOLUTION | names("""
    convolution_backward convolution_backward_overrideable _convolution_double_backward _slow_conv2d_backward
    conv_tbc_backward mps_convolution_backward mps_convolution_transpose_backward
""")
MAX_POOL = names("""
    max_pool1d max_pool1d_with_indices max_pool2d max_pool2d_with_indices max_pool3d max_pool3d_with_indices
    mkldnn_max_pool2d mkldnn_max_pool3d quantized_max_pool1d quantized_max_pool2d quantized_max_pool3d
    adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d fractional_max_pool2d fractional_max_pool3d
    scipy.maximum_filter scipy.maximum_filter1d scipy.minimum_filter scipy.minimum_filter1d scipy.grey_dilation
    scipy.grey_erosion scipy.rank_filter scipy.percentile_filter scipy.order_filter scipy.generic_filter
    skimage.block_reduce skimage.dilation skimage.erosion skimage.rank PIL.ImageFilter
""")
AVG_POOL = names("""
    avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d
    _adaptive_avg_pool2d _adaptive_avg_pool3d mkldnn_adaptive_avg_pool2d
    scipy.uniform_filter scipy.uniform_filter1d scipy.generic_filter skimage.block_reduce skimage.downscale_local_mean
    skimage.rank PIL.ImageFilter
""")
# Windows as columns, and columns laid back.
IM2COL = names("""
    im2col col2im unfold unfold_copy as_strided as_strided_copy
    numpy.sliding_window_view numpy.as_strided skimage.view_as_windows skimage.view_as_blocks
    sklearn.extract_patches_2d sklearn.PatchExtractor
""")
COL2IM = names("im2col col2im fold unfold_backward sklearn.reconstruct_from_patches_2d")


BATCH_NORM = names("""
    batch_norm native_batch_norm cudnn_batch_norm miopen_batch_norm quantized_batch_norm
    _batch_norm_impl_index _native_batch_norm_legit _native_batch_norm_legit_functional
    _native_batch_norm_legit_no_training _batch_norm_no_update _batch_norm_with_update
    _batch_norm_with_update_functional batch_norm_stats batch_norm_update_stats batch_norm_elemt
    batch_norm_gather_stats batch_norm_gather_stats_with_counts
""")
STANDARDIZERS = names("sklearn.StandardScaler sklearn.scale scipy.zscore scipy.zmap")
MIN_MAX = names("""
    sklearn.MinMaxScaler sklearn.minmax_scale sklearn.MaxAbsScaler sklearn.maxabs_scale skimage.rescale_intensity
""")
# They fit, project and whiten in one; torch's own only fits.
PCA_CLASSES = names("sklearn.PCA sklearn.IncrementalPCA sklearn.KernelPCA sklearn.SparsePCA")
PCA = PCA_CLASSES | names("pca_lowrank")
WHITENING = PCA_CLASSES | names("scipy.whiten sklearn.FastICA sklearn.fastica")

NORMALIZERS = (
    BATCH_NORM
    | STANDARDIZERS
    | names("""
    layer_norm native_layer_norm group_norm native_group_norm instance_norm rms_norm _fused_rms_norm var_mean std_mean
""")
)
NORMALIZERS_BACKWARD = with_backward(NORMALIZERS) | names("batch_norm_backward_reduce batch_norm_backward_elemt")
RESPONSE_NORM = names("local_response_norm cross_map_lrn2d")

INITIALIZERS = names("xavier_normal xavier_uniform kaiming_normal kaiming_uniform")
# A slope measured by differences.
NUMERICAL_GRADIENT = names("scipy.approx_fprime scipy.approx_derivative scipy.derivative scipy.jacobian")
# What learns by itself.
CLASSIFIERS = names("""
    sklearn.neural_network sklearn.svm sklearn.neighbors sklearn.linear_model sklearn.ensemble sklearn.tree
    sklearn.naive_bayes sklearn.discriminant_analysis sklearn.gaussian_process sklearn.semi_supervised
""")

# torch's optimizers and schedules, and the operations that they are one step of; what learns by itself has its own.
OPTIMIZERS = names("optim _fused_sgd _fused_adam _fused_adamw _fused_adagrad sklearn.neural_network")
# What deals out batches.
BATCHERS = names("""
    DataLoader Sampler RandomSampler SequentialSampler BatchSampler SubsetRandomSampler WeightedRandomSampler
    random_split
    sklearn.gen_batches sklearn.gen_even_slices sklearn.KFold sklearn.ShuffleSplit
""")
DROPOUT = names("""
    dropout dropout1d dropout2d dropout3d alpha_dropout feature_dropout feature_alpha_dropout native_dropout
    _fused_dropout _masked_scale
""")
# What learns from sequences: networks, their cells, and what these are made of in torch.
RECURRENT = names("""
    rnn rnn_base rnn_tanh rnn_relu rnn_cell rnn_cell_base rnn_tanh_cell rnn_relu_cell lstm lstm_cell gru gru_cell
    quantized_rnn_tanh_cell quantized_rnn_relu_cell quantized_lstm quantized_lstm_cell quantized_gru quantized_gru_cell
    _cudnn_rnn miopen_rnn mkldnn_rnn_layer _lstm_mps lstm_mps _thnn_fused_lstm_cell _thnn_fused_gru_cell
""")
RECURRENT_BACKWARD = with_backward(RECURRENT) | names("""
    _thnn_fused_lstm_cell_backward_impl _thnn_differentiable_lstm_cell_backward _thnn_differentiable_gru_cell_backward
""")
CLIPPING = names("clip_grad_norm clip_grads_with_norm _clip_grads_with_norm get_total_norm _get_total_norm")
# They count pairs and, where they are asked to, divide by the rows.
PAIR_COUNTS = names("sklearn.confusion_matrix pandas.crosstab")
CONFUSION = PAIR_COUNTS | names("""
    sklearn.multilabel_confusion_matrix sklearn.contingency_matrix sklearn.ConfusionMatrixDisplay
    skimage.contingency_table
""")
IOU = names("sklearn.jaccard_score")
# For one class, a spread target or pixels that do not count. Not the softmax: it is the exercise of another chapter.
LOG_LIKELIHOODS = names("""
    cross_entropy cross_entropy_loss nll_loss nll_loss_nd nll_loss_forward nll_loss2d nll_loss2d_forward
    nll_loss_backward nll_loss2d_backward kl_div sklearn.log_loss
""")
