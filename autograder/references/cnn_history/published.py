"""What is published of each network, with the source of every figure.

The papers print parameters in millions. The exact counts are those of an implementation that others use, named in
`parameters_source`: torchvision 0.28, timm 1.0.31 and O. Sémery's imgclsmob (pytorchcv 0.0.74), which a test holds our
networks against; the models of Caffe's zoo, bvlc_alexnet and bvlc_googlenet.
"""

from dataclasses import dataclass

TORCHVISION = "torchvision.models"
TIMM = "timm"
CAFFE = "Caffe model zoo"
IMGCLSMOB = "imgclsmob (pytorchcv)"
LAYERS = "not published; the sum of the layers"
# The Inception papers leave 1,762 images out, and say that all of them give about 0.2 % more top-1 error.
FEWER = ", 48,238 images"


@dataclass(frozen=True)
class Published:
    """One network. What is None is not printed in the paper.

    `year` is that of the first version, often on arXiv. `depth` counts as the paper does. `parameters` are those used
    in evaluation; `with_auxiliary` adds the auxiliary heads. `multiply_adds` are as printed, of one image of
    `input_shape`. `top1` and `top5` are errors in percent of one network, on the 50,000 validation images of ILSVRC
    2012 (on fewer where `error_source` says so) or the test images of `dataset`. `difference` says where the paper,
    this network and common implementations differ.
    """

    year: int
    paper: str
    dataset: str
    input_shape: tuple[int, int, int]
    depth: int | None
    parameters: int
    parameters_source: str
    with_auxiliary: int | None = None
    multiply_adds: float | None = None
    multiply_adds_source: str | None = None
    top1: float | None = None
    top5: float | None = None
    error_source: str | None = None
    difference: str = ""


def _imagenet(year: int, paper: str, size: int, *rest, **figures) -> Published:
    return Published(year, paper, "ImageNet", (3, size, size), *rest, **figures)


def _cifar10(year: int, paper: str, *rest, **figures) -> Published:
    return Published(year, paper, "CIFAR-10", (3, 32, 32), *rest, **figures)


def _resnet(depth: int, parameters: int, billions: float, top1: float, top5: float | None) -> Published:
    option = {18: ", option A", 34: ", option B"}.get(depth, "")
    difference = "The paper has a bottleneck's stride in its first 1×1 convolution." if depth > 34 else ""
    return _imagenet(
        *(2015, "He et al. 2016a", 224, depth, parameters, TORCHVISION),
        multiply_adds=billions * 1e9,
        multiply_adds_source="He et al. 2016a, table 1",
        top1=top1,
        top5=top5,
        error_source=f"He et al. 2016a, table {2 if depth == 18 else 3}, 10 crops" + option,
        difference="The error is that of shortcuts without projections." if depth == 18 else difference,
    )


def _densenet(depth: int, parameters: int, top1: float, top5: float) -> Published:
    return _imagenet(
        *(2016, "Huang et al. 2017", 224, depth, parameters, TORCHVISION),
        top1=top1,
        top5=top5,
        error_source="Huang et al. 2017, table 3, one crop",
    )


def _efficientnet(size: int, parameters: int, billions: float, accuracy: tuple[float, float]) -> Published:
    return _imagenet(
        *(2019, "Tan & Le 2019", size, None, parameters, TORCHVISION),
        multiply_adds=billions * 1e9,
        multiply_adds_source="Tan & Le 2019, table 2",
        top1=round(100 - accuracy[0], 1),
        top5=round(100 - accuracy[1], 1),
        error_source="Tan & Le 2019, arXiv version 5, table 2",
        difference="The first version of the paper prints other accuracies.",
    )


PUBLISHED = {
    "lenet5": Published(
        *(1998, "LeCun et al. 1998", "MNIST", (1, 32, 32), 7, 60_000, "LeCun et al. 1998, section II.B"),
        top1=0.95,
        error_source="LeCun et al. 1998, section III.B, without distorted training images",
        difference="The paper counts 340,908 connections, biases and subsampling included.",
    ),
    "alexnet": _imagenet(
        *(2012, "Krizhevsky et al. 2012", 227, 8, 60_965_224, CAFFE),
        top1=40.7,
        top5=18.2,
        error_source="Krizhevsky et al. 2012, table 2, 10 crops",
        difference="The paper says 224 pixels. torchvision's is the network of Krizhevsky 2014: 61,100,840 parameters.",
    ),
    "zfnet": _imagenet(
        *(2013, "Zeiler & Fergus 2014", 224, 8, 62_357_608, IMGCLSMOB),
        top1=38.4,
        top5=16.5,
        error_source="Zeiler & Fergus 2014, table 2",
        difference="The larger variant, 512, 1024 and 512 maps, has 37.5 and 16.0 %.",
    ),
    "vgg16": _imagenet(
        *(2014, "Simonyan & Zisserman 2015", 224, 16, 138_357_544, TORCHVISION),
        multiply_adds=15.3e9,
        multiply_adds_source="He et al. 2016a, section 4.1",
        top1=25.6,
        top5=8.1,
        error_source="Simonyan & Zisserman 2015, table 3, whole image at 384, trained at 256 to 512",
        difference="The figure printed for the multiply-adds leaves the fully connected layers out.",
    ),
    "vgg19": _imagenet(
        *(2014, "Simonyan & Zisserman 2015", 224, 19, 143_667_240, TORCHVISION),
        multiply_adds=19.6e9,
        multiply_adds_source="He et al. 2016a, section 3.3",
        top1=25.5,
        top5=8.0,
        error_source="Simonyan & Zisserman 2015, table 3, whole image at 384, trained at 256 to 512",
    ),
    "nin": _cifar10(
        *(2013, "Lin et al. 2014", 9, 966_986, IMGCLSMOB),
        top1=8.81,
        error_source="Lin et al. 2014, table 1, with augmented images",
        difference="The paper does not print the widths; they are those of the authors' configuration file.",
    ),
    "googlenet": _imagenet(
        *(2014, "Szegedy et al. 2015", 224, 22, 6_998_552, CAFFE),
        with_auxiliary=13_378_280,
        multiply_adds=1.5e9,
        multiply_adds_source="Szegedy et al. 2015, section 1",
        top5=10.07,
        error_source="Szegedy et al. 2015, table 3, one network, one crop",
        difference="torchvision's has batch normalization, 3×3 for 5×5, and other pools: 6,624,904 and 13,004,888.",
    ),
    "inception_v2": _imagenet(
        *(2015, "Szegedy et al. 2016", 299, 42, 25_954_248, LAYERS),
        with_auxiliary=29_280_048,
        multiply_adds=3.8e9,
        multiply_adds_source="Szegedy et al. 2016, table 3, before the first 7×7 was factorized",
        top1=23.4,
        error_source=f"Szegedy et al. 2016, table 3, one crop{FEWER}",
        difference="The paper prints no widths inside of modules; with those of the authors' v3 they cost more.",
    ),
    "inception_v3": _imagenet(
        *(2015, "Szegedy et al. 2016", 299, None, 23_834_568, TORCHVISION),
        with_auxiliary=27_161_264,
        multiply_adds=4.8e9,
        multiply_adds_source="Szegedy et al. 2016, table 3",
        top1=21.2,
        top5=5.6,
        error_source=f"Szegedy et al. 2016, table 3, one crop{FEWER}",
        difference="The authors' code costs more than the paper says, which has 5 billion in its abstract.",
    ),
    "inception_v4": _imagenet(
        *(2016, "Szegedy et al. 2017", 299, None, 42_679_816, TIMM),
        top1=20.0,
        top5=5.0,
        error_source=f"Szegedy et al. 2017, table 2, one crop{FEWER}",
    ),
    "resnet18": _resnet(18, 11_689_512, 1.8, 27.88, None),
    "resnet34": _resnet(34, 21_797_672, 3.6, 24.52, 7.46),
    "resnet50": _resnet(50, 25_557_032, 3.8, 22.85, 6.71),
    "resnet101": _resnet(101, 44_549_160, 7.6, 21.75, 6.05),
    "resnet152": _resnet(152, 60_192_808, 11.3, 21.43, 5.71),
    "preact_resnet164": _cifar10(
        *(2016, "He et al. 2016b", 164, 1_703_258, IMGCLSMOB),
        top1=5.46,
        error_source="He et al. 2016b, table 3, median of 5 runs",
    ),
    "wide_resnet28_10": _cifar10(
        *(2016, "Zagoruyko & Komodakis 2016", 28, 36_479_194, IMGCLSMOB),
        top1=4.0,
        error_source="Zagoruyko & Komodakis 2016, table 5, median of 5 runs, without dropout",
    ),
    "wide_resnet50_2": _imagenet(
        *(2016, "Zagoruyko & Komodakis 2016", 224, 50, 68_883_240, TORCHVISION),
        top1=21.9,
        top5=6.03,
        error_source="Zagoruyko & Komodakis 2016, table 8, one crop",
    ),
    "pyramidnet": _cifar10(
        *(2016, "Han et al. 2017", 110, 28_485_477, IMGCLSMOB),
        top1=3.77,
        error_source="the authors' repository, jhkim89/PyramidNet, additive, α = 270",
        difference="The authors print 28.3 million parameters, which is less than their own layers have.",
    ),
    "resnext50_32x4d": _imagenet(
        *(2016, "Xie et al. 2017", 224, 50, 25_028_904, TORCHVISION),
        multiply_adds=4.2e9,
        multiply_adds_source="Xie et al. 2017, table 1",
        top1=22.2,
        error_source="Xie et al. 2017, table 3, one crop",
    ),
    "densenet121": _densenet(121, 7_978_856, 25.02, 7.71),
    "densenet169": _densenet(169, 14_149_480, 23.80, 6.85),
    "densenet201": _densenet(201, 20_013_928, 22.58, 6.34),
    "se_resnet50": _imagenet(
        *(2017, "Hu et al. 2018", 224, 50, 28_088_024, TIMM),
        multiply_adds=3.87e9,
        multiply_adds_source="Hu et al. 2018, table 2",
        top1=23.29,
        top5=6.62,
        error_source="Hu et al. 2018, table 2, one crop",
        difference="The paper has a bottleneck's stride in its first 1×1 convolution.",
    ),
    "mobilenet_v1": _imagenet(
        *(2017, "Howard et al. 2017", 224, 28, 4_231_976, TIMM),
        multiply_adds=569e6,
        multiply_adds_source="Howard et al. 2017, table 4",
        top1=29.4,
        error_source="Howard et al. 2017, table 4: accuracy 70.6 %",
        difference="The authors' code has ReLU6 where the paper says ReLU.",
    ),
    "xception": _imagenet(
        *(2016, "Chollet 2017", 299, 36, 22_855_952, "Chollet 2017, table 3"),
        multiply_adds=8.38e9,
        multiply_adds_source="Zoph et al. 2018, table 2",
        top1=21.0,
        top5=5.5,
        error_source="Chollet 2017, table 1, one crop: accuracies 79.0 and 94.5 %",
        difference="The depth counts the convolutions, a separable one as one.",
    ),
    "nasnet_a_large": _imagenet(
        *(2017, "Zoph et al. 2018", 331, None, 88_753_150, TIMM),
        multiply_adds=23.8e9,
        multiply_adds_source="Zoph et al. 2018, table 2",
        top1=17.3,
        top5=3.8,
        error_source="Zoph et al. 2018, table 2: accuracies 82.7 and 96.2 %",
        difference="The paper prints 88.9 million parameters.",
    ),
    "efficientnet_b0": _efficientnet(224, 5_288_548, 0.39, (77.1, 93.3)),
    "efficientnet_b1": _efficientnet(240, 7_794_184, 0.70, (79.1, 94.4)),
    "efficientnet_b2": _efficientnet(260, 9_109_994, 1.0, (80.1, 94.9)),
    "efficientnet_b3": _efficientnet(300, 12_233_232, 1.8, (81.6, 95.7)),
    "efficientnet_b4": _efficientnet(380, 19_341_616, 4.2, (82.9, 96.4)),
    "efficientnet_b5": _efficientnet(456, 30_389_784, 9.9, (83.6, 96.7)),
    "efficientnet_b6": _efficientnet(528, 43_040_704, 19, (84.0, 96.8)),
    "efficientnet_b7": _efficientnet(600, 66_347_960, 37, (84.3, 97.0)),
}
