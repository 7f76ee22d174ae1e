"""What the papers report: errors in percent of one network, not of an ensemble, and where they stand."""

from typing import NamedTuple


class Report(NamedTuple):
    """A row; ImageNet's errors are those of the validation images. How many crops of an image are read differs."""

    title: str
    year: int
    data: str
    top1: float | None
    top5: float | None
    source: str


IMAGENET, CIFAR = "ImageNet", "CIFAR-10"

REPORTS = {
    "lenet5": Report("LeNet-5", 1998, "MNIST", 0.95, None, "LeCun 1998, III.B"),
    "alexnet": Report("AlexNet", 2012, IMAGENET, 40.7, 18.2, "Krizhevsky 2012, t. 2"),
    "zfnet": Report("ZFNet", 2013, IMAGENET, 38.4, 16.5, "Zeiler 2014, t. 2"),
    "nin": Report("NIN", 2013, CIFAR, 8.81, None, "Lin 2014, t. 1"),
    "vgg16": Report("VGG-16", 2014, IMAGENET, 25.6, 8.1, "Simonyan 2015, t. 3"),
    "vgg19": Report("VGG-19", 2014, IMAGENET, 25.5, 8.0, "Simonyan 2015, t. 3"),
    "googlenet": Report("GoogLeNet", 2014, IMAGENET, None, 10.07, "Szegedy 2015, t. 3"),
    "inception_v2": Report("Inception v2", 2015, IMAGENET, 23.4, None, "Szegedy 2016, t. 3"),
    "inception_v3": Report("Inception v3", 2015, IMAGENET, 21.2, 5.6, "Szegedy 2016, t. 3"),
    "resnet34": Report("ResNet-34", 2015, IMAGENET, 24.52, 7.46, "He 2016, t. 3"),
    "resnet50": Report("ResNet-50", 2015, IMAGENET, 22.85, 6.71, "He 2016, t. 3"),
    "resnet101": Report("ResNet-101", 2015, IMAGENET, 21.75, 6.05, "He 2016, t. 3"),
    "resnet152": Report("ResNet-152", 2015, IMAGENET, 21.43, 5.71, "He 2016, t. 3"),
    "inception_v4": Report("Inception v4", 2016, IMAGENET, 20.0, 5.0, "Szegedy 2017, t. 2"),
    "preact_resnet164": Report("Pre-act. ResNet-164", 2016, CIFAR, 5.46, None, "He 2016b, t. 2"),
    "wide_resnet28_10": Report("Wide ResNet-28-10", 2016, CIFAR, 4.00, None, "Zagoruyko 2016, t. 5"),
    "wide_resnet50_2": Report("Wide ResNet-50-2", 2016, IMAGENET, 21.9, 6.03, "Zagoruyko 2016, t. 8"),
    "pyramidnet": Report("PyramidNet-110", 2016, CIFAR, 3.73, None, "Han 2017, t. 4"),
    "densenet121": Report("DenseNet-121", 2016, IMAGENET, 25.02, 7.71, "Huang 2017, t. 3"),
    "densenet169": Report("DenseNet-169", 2016, IMAGENET, 23.80, 6.85, "Huang 2017, t. 3"),
    "densenet201": Report("DenseNet-201", 2016, IMAGENET, 22.58, 6.34, "Huang 2017, t. 3"),
    "resnext50_32x4d": Report("ResNeXt-50", 2016, IMAGENET, 22.2, None, "Xie 2017, t. 3"),
    "xception": Report("Xception", 2016, IMAGENET, 21.0, 5.5, "Chollet 2017, t. 1"),
    "mobilenet_v1": Report("MobileNet v1", 2017, IMAGENET, 29.4, None, "Howard 2017, t. 8"),
    "nasnet_a_large": Report("NASNet-A large", 2017, IMAGENET, 17.3, 3.8, "Zoph 2018, t. 2"),
    "se_resnet50": Report("SE-ResNet-50", 2017, IMAGENET, 23.29, 6.62, "Hu 2018, t. 2"),
    **{
        f"efficientnet_b{number}": Report(
            f"EfficientNet-B{number}", 2019, IMAGENET, top1, top5, "Tan 2019, t. 2"
        )
        for number, (top1, top5) in enumerate(
            (
                *((22.9, 6.7), (20.9, 5.6), (19.9, 5.1), (18.4, 4.3)),
                *((17.1, 3.6), (16.4, 3.3), (16.0, 3.2), (15.7, 3.0)),
            )
        )
    },
}

# The lowest top-5 error of each year's contest, on its test images: ensembles, in percent.
WINNERS = {
    2010: ("NEC-UIUC", 28.2),
    2011: ("XRCE", 25.8),
    2012: ("AlexNet", 16.4),
    2013: ("Clarifai", 11.7),
    2014: ("GoogLeNet", 6.7),
    2015: ("ResNet", 3.57),
    2016: ("Trimps-Soushen", 2.99),
    2017: ("SENet", 2.25),
}
