"""How the networks are called, and who won the contest."""

TITLES = {
    "lenet5": "LeNet-5",
    "alexnet": "AlexNet",
    "zfnet": "ZFNet",
    "nin": "NIN",
    "vgg16": "VGG-16",
    "vgg19": "VGG-19",
    "googlenet": "GoogLeNet",
    **{f"inception_v{number}": f"Inception v{number}" for number in (2, 3, 4)},
    **{f"resnet{depth}": f"ResNet-{depth}" for depth in (18, 34, 50, 101, 152)},
    "preact_resnet164": "Pre-act. ResNet-164",
    "wide_resnet28_10": "Wide ResNet-28-10",
    "wide_resnet50_2": "Wide ResNet-50-2",
    "pyramidnet": "PyramidNet-110",
    **{f"densenet{depth}": f"DenseNet-{depth}" for depth in (121, 169, 201)},
    "resnext50_32x4d": "ResNeXt-50",
    "xception": "Xception",
    "mobilenet_v1": "MobileNet v1",
    "nasnet_a_large": "NASNet-A large",
    "se_resnet50": "SE-ResNet-50",
    **{f"efficientnet_b{number}": f"EfficientNet-B{number}" for number in range(8)},
}

# The lowest top-5 error of each year's contest, on its test images, in percent: ensembles that learned from its own
# images alone. With others too, the winners had 15.3 in 2012 and 11.2 in 2013.
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
