"""Programs for the problem set `optimization` that a grader could easily get wrong: right ones and wrong ones."""

import math

import numpy
import torch
import torch.nn.functional as F

SEEDS = (0, 5)


def dealt(order, batch_size):
    return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]


def by_weights(n, batch_size, generator):
    return dealt(torch.multinomial(torch.ones(n), n, generator=generator), batch_size)


def by_own_generator(n, batch_size, generator):
    seed = int(torch.randint(2**31, (), generator=generator))
    return dealt(torch.from_numpy(numpy.random.default_rng(seed).permutation(n)), batch_size)


def fisher_yates(n, batch_size, generator):
    order = list(range(n))
    for i in range(n - 1, 0, -1):
        j = int(torch.randint(i + 1, (), generator=generator))
        order[i], order[j] = order[j], order[i]
    return tuple(torch.tensor(order[start : start + batch_size]) for start in range(0, n, batch_size))


def turned(n, batch_size, generator):
    start = int(torch.randint(n, (), generator=generator))
    return dealt((torch.arange(n) + start) % n, batch_size)


def one_multiplier(n, batch_size, generator):
    """A step of about the batch size: neighbors are apart, and still nothing is random but the start."""
    start, step = int(torch.randint(n, (), generator=generator)), batch_size + 1
    while math.gcd(step, n) > 1:
        step += 1
    return dealt((torch.arange(n) * step + start) % n, batch_size)


def shuffled_in_the_batch(n, batch_size, generator):
    return [b[torch.randperm(len(b), generator=generator)] for b in torch.arange(n).split(batch_size)]


def by_evens_and_odds(n, batch_size, generator):
    """Halves that are shuffled by themselves and laid one behind the other."""
    halves = [torch.arange(n)[part::2] for part in (0, 1)]
    return dealt(torch.cat([h[torch.randperm(len(h), generator=generator)] for h in halves]), batch_size)


def halves_of_the_data(n, batch_size, generator):
    """The first half of the data always comes first."""
    halves = torch.arange(n).tensor_split(2)
    return dealt(torch.cat([h[torch.randperm(len(h), generator=generator)] for h in halves]), batch_size)


def minibatches(n, batch_size, generator):
    return dealt(torch.randperm(n, generator=generator), batch_size)


def sgd(params, grads, lr, weight_decay=0.0):
    return [p - lr * (g + weight_decay * p) for p, g in zip(params, grads, strict=True)]


def momentum(params, grads, velocities, lr, momentum, nesterov=False):
    new = [momentum * v + g for v, g in zip(velocities, grads, strict=True)]
    steps = [g + momentum * v for v, g in zip(new, grads, strict=True)] if nesterov else new
    return [p - lr * s for p, s in zip(params, steps, strict=True)], new


def nesterov_as_first_written(params, grads, velocities, lr, momentum, nesterov=False):
    """The step of the paper, from a point ahead: what torch keeps is that point, so this is another sequence."""
    new = [momentum * v - lr * g for v, g in zip(velocities, grads, strict=True)]
    return [p + v for p, v in zip(params, new, strict=True)], new


def momentum_flat(params, grads, velocities, lr, momentum, nesterov=False):
    """All parameters as one long vector."""
    p, g, v = (torch.cat([t.reshape(-1) for t in ts]) for ts in (params, grads, velocities))
    v = momentum * v + g
    p = p - lr * (g + momentum * v if nesterov else v)
    sizes = [t.numel() for t in params]
    return tuple([part.view(t.shape) for part, t in zip(x.split(sizes), params, strict=True)] for x in (p, v))


def rmsprop(params, grads, square_avgs, lr, alpha=0.99, eps=1e-8):
    new = [alpha * s + (1 - alpha) * g * g for s, g in zip(square_avgs, grads, strict=True)]
    return [p - lr * g / (s.sqrt() + eps) for p, g, s in zip(params, grads, new, strict=True)], new


def adam(params, grads, ms, ss, step, lr, betas=(0.9, 0.999), eps=1e-8, decay=0.0, clock=0, amsgrad=False):
    (b1, b2), t = betas, step + clock
    ms = [b1 * m + (1 - b1) * g for m, g in zip(ms, grads, strict=True)]
    ss = [torch.maximum(s, g * g) if amsgrad else b2 * s + (1 - b2) * g * g for s, g in zip(ss, grads, strict=True)]
    moved = [
        p - lr * (m / (1 - b1**t) / ((s / (1 - b2**t)).sqrt() + eps) + decay * p)
        for p, m, s in zip(params, ms, ss, strict=True)
    ]
    return moved, ms, ss


def adam_without_bias_in_numpy(params, grads, ms, ss, step, lr, betas=(0.9, 0.999), eps=1e-8):
    arrays = [[t.numpy() for t in ts] for ts in (params, grads, ms, ss)]
    out = [], [], []
    for p, g, m, s in zip(*arrays, strict=True):
        m, s = betas[0] * m + (1 - betas[0]) * g, betas[1] * s + (1 - betas[1]) * g * g
        moved = p - lr * (m / (1 - betas[0] ** step)) / (numpy.sqrt(s / (1 - betas[1] ** step)) + eps)
        for part, array in zip(out, (moved, m, s), strict=True):
            part.append(torch.as_tensor(array))
    return out


def classifier(x, target, epochs, batch_size, lr, generator, deal=minibatches, loss=None, d_of=None):
    classes = int(target.max()) + 1
    truth = F.one_hot(target, classes).to(x.dtype)
    weight, bias, losses = x.new_zeros(classes, x.shape[1]), x.new_zeros(classes), []
    for _ in range(epochs):
        each = []
        for batch in deal(len(x), batch_size, generator):
            logits = x[batch] @ weight.T + bias
            log_p = logits - logits.logsumexp(1, keepdim=True)
            each.append(-(log_p * truth[batch]).sum(1))
            d = (log_p.exp() - truth[batch]) / len(batch) if d_of is None else d_of(log_p, truth[batch])
            weight, bias = weight - lr * d.T @ x[batch], bias - lr * d.sum(0)
        losses.append((loss or (lambda each: torch.cat(each).mean()))(each))
    return weight, bias, losses


def classifier_dealt_once(x, target, epochs, batch_size, lr, generator):
    """The batches are a list that every epoch goes through."""
    batches = fisher_yates(len(x), batch_size, generator)
    return classifier(x, target, epochs, batch_size, lr, generator, lambda *_: batches)


def classifier_sorted(x, target, epochs, batch_size, lr, generator):
    """Batches of the sorted labels: a class at a time."""
    order = target.argsort()
    return classifier(x, target, epochs, batch_size, lr, generator, lambda n, size, g: dealt(order, size))


WRONG = {
    "turned": ("minibatches", [turned], {"values"}),
    "one multiplier": ("minibatches", [one_multiplier], {"values"}),
    "shuffled in the batch": ("minibatches", [shuffled_in_the_batch], {"values"}),
    "halves of the data": ("minibatches", [halves_of_the_data], {"values"}),
    "a permutation": ("minibatches", [lambda n, size, g: torch.randperm(n, generator=g)], {"values"}),
    "lists of lists": ("minibatches", [lambda n, size, g: [b.tolist() for b in minibatches(n, size, g)]], {"values"}),
    "the seed of n": (
        "minibatches",
        [lambda n, size, g: minibatches(n, size, torch.Generator().manual_seed(n))],
        {"values"},
    ),
    "rows of a matrix": (
        "minibatches",
        [lambda n, size, g: [b[None] for b in minibatches(n, size, g)]],
        {"values"},
    ),
    "indices in int32": ("minibatches", [lambda n, size, g: [b.int() for b in minibatches(n, size, g)]], {"contract"}),
    "a tensor in place of a list": ("sgd_step", [lambda *a: sgd(*a)[0]], {"values"}),
    "the first parameter twice": ("sgd_step", [lambda *a: [sgd(*a)[0]] * 2], {"values"}),
    "the second parameter forgotten": ("sgd_step", [lambda p, g, *a: [sgd(p, g, *a)[0], p[1]]], {"values"}),
    "decay of half a unit": ("sgd_step", [lambda p, g, lr, w=0.0: sgd(p, g, lr, w / 2)], {"values"}),
    "Nesterov as first written": ("momentum_step", [nesterov_as_first_written], {"values"}),
    "always Nesterov": ("momentum_step", [lambda p, g, v, lr, m, n=False: momentum(p, g, v, lr, m, True)], {"values"}),
    "never forgets": ("momentum_step", [lambda p, g, v, lr, m, n=False: momentum(p, g, v, lr, 1.0, n)], {"values"}),
    "a step of the first kind": (
        "momentum_step",
        [
            lambda p, g, v, lr, m, n=False: (
                momentum(p, g, v, lr, m, n) if any(t.any() for t in v) else (sgd(p, g, lr), [0 * t for t in v])
            )
        ],
        {"edge cases"},
    ),
    "alpha left out is 0.9": (
        "rmsprop_step",
        [lambda p, g, s, lr, alpha=0.9, eps=1e-8: rmsprop(p, g, s, lr, alpha, eps)],
        {"edge cases"},
    ),
    "the centered form": (
        "rmsprop_step",
        [
            lambda p, g, s, lr, alpha=0.99, eps=1e-8: (
                [
                    q - lr * h / ((t - ((1 - alpha) * h) ** 2).clamp(min=0).sqrt() + eps)
                    for q, h, t in zip(p, g, rmsprop(p, g, s, lr, alpha, eps)[1], strict=True)
                ],
                rmsprop(p, g, s, lr, alpha, eps)[1],
            )
        ],
        {"values"},
    ),
    "the decay of AdamW": (
        "adam_step",
        [lambda p, g, m, s, t, lr, b=(0.9, 0.999), e=1e-8: adam(p, g, m, s, t, lr, b, e, decay=0.01)],
        {"values"},
    ),
    "counts from two": (
        "adam_step",
        [lambda p, g, m, s, t, lr, b=(0.9, 0.999), e=1e-8: adam(p, g, m, s, t, lr, b, e, clock=1)],
        {"values"},
    ),
    "the largest square": (
        "adam_step",
        [lambda p, g, m, s, t, lr, b=(0.9, 0.999), e=1e-8: adam(p, g, m, s, t, lr, b, e, amsgrad=True)],
        {"values"},
    ),
    "eps of 1e-7": (
        "adam_step",
        [lambda p, g, m, s, t, lr, b=(0.9, 0.999), e=1e-7: adam(p, g, m, s, t, lr, b, e)],
        {"edge cases"},
    ),
    "beta2 of 0.99": (
        "adam_step",
        [lambda p, g, m, s, t, lr, b=(0.9, 0.99), e=1e-8: adam(p, g, m, s, t, lr, b, e)],
        {"values"},
    ),
    "a cosine that begins at min_lr": (
        "cosine_decay",
        [lambda lr, t, n, low=0.0: low + (lr - low) * (1 - math.cos(math.pi * t / n)) / 2],
        {"values"},
    ),
    "a text": ("warmup", [lambda lr, t, n: str(lr * min(1, t / n))], {"values"}),
    "nothing": ("linear_scaling", [lambda lr, b, base: None], {"values"}),
    "a sorted order": ("train_softmax_classifier", [classifier_sorted], {"contract"}),
    "the same batches in every epoch": ("train_softmax_classifier", [classifier_dealt_once], {"contract"}),
    "a gradient of the squared error": (
        "train_softmax_classifier",
        [lambda *a: classifier(*a, d_of=lambda log_p, truth: 2 * (log_p.exp() - truth) / len(truth))],
        {"values"},
    ),
    "the loss in bits": (
        "train_softmax_classifier",
        [lambda *a: classifier(*a, loss=lambda each: torch.cat(each).mean() / math.log(2))],
        {"values"},
    ),
    "weight transposed": (
        "train_softmax_classifier",
        [lambda *a: (lambda w, b, losses: (w.T, b, losses))(*classifier(*a))],
        {"values"},
    ),
    "no losses": ("train_softmax_classifier", [lambda *a: (*classifier(*a)[:2], None)], {"values"}),
}


def velocity_of_a_course(params, grads, velocities, lr, momentum, nesterov=False):
    """v = mu * v - lr * dx; x += v."""
    v = [momentum * v - lr * g for v, g in zip(velocities, grads, strict=True)]
    ahead = [momentum * a - lr * g for a, g in zip(v, grads, strict=True)] if nesterov else v
    return [p + a for p, a in zip(params, ahead, strict=True)], v


def adam_with_a_product(params, grads, exp_avgs, exp_avg_sqs, step, lr, betas=(0.9, 0.999), eps=1e-8):
    m = [torch.lerp(m, g, 1 - betas[0]) for m, g in zip(exp_avgs, grads, strict=True)]
    v = [betas[1] * v + (1 - betas[1]) * g**2 for v, g in zip(exp_avg_sqs, grads, strict=True)]
    mt, vt = ([a / (1 - beta * step) for a in averages] for averages, beta in zip((m, v), betas, strict=True))
    return [p - lr * a / (torch.sqrt(b) + eps) for p, a, b in zip(params, mt, vt, strict=True)], m, v


RIGHT = {
    "drawn by weights": ("minibatches", [by_weights]),
    "drawn by numpy, seeded by the generator": ("minibatches", [by_own_generator]),
    "Fisher and Yates": ("minibatches", [fisher_yates]),
    "batches from the last to the first": (
        "minibatches",
        [lambda n, size, g: [b.flip(0) for b in minibatches(n, size, g)]],
    ),
    "sgd by linalg": ("sgd_step", [lambda p, g, lr, w=0.0: tuple((1 - lr * w) * q - lr * h for q, h in zip(p, g))]),  # noqa: B905
    "all of it one vector": ("momentum_step", [momentum_flat]),
    "Nesterov as a second step": (
        "momentum_step",
        [
            lambda p, g, v, lr, m, n=False: (
                momentum(sgd(p, g, lr) if n else p, [m * h for h in g] if n else g, [m * u for u in v], lr, m)[0]
                if n
                else momentum(p, g, v, lr, m)[0],
                momentum(p, g, v, lr, m)[1],
            )
        ],
    ),
    "rmsprop by hypot": (
        "rmsprop_step",
        [
            lambda p, g, s, lr, alpha=0.99, eps=1e-8: (
                [
                    q - lr * h / (torch.hypot((alpha * t).sqrt(), (1 - alpha) ** 0.5 * h) + eps)
                    for q, h, t in zip(p, g, s, strict=True)
                ],
                rmsprop(p, g, s, lr, alpha, eps)[1],
            )
        ],
    ),
    "adam in numpy": ("adam_step", [adam_without_bias_in_numpy]),
    "adam": ("adam_step", [adam]),
    "a rate as numpy's number": (
        "cosine_decay",
        [lambda lr, t, n, low=0.0: low + (lr - low) * numpy.cos(t * numpy.pi / n / 2) ** 2],
    ),
    "a rate by repeated products": ("step_decay", [lambda lr, t, n, gamma: lr * math.prod([gamma] * (t // n))]),
    "a rate by lerp": ("warmup", [lambda lr, t, n: torch.lerp(torch.zeros(1), torch.tensor([lr]), min(t, n) / n)]),
    "a rate by logarithms": (
        "linear_scaling",
        [lambda lr, b, base: math.exp(math.log(lr) + math.log(b) - math.log(base))],
    ),
    "losses of the batches, averaged": (
        "train_softmax_classifier",
        [lambda *a: classifier(*a, loss=lambda each: torch.stack([e.mean() for e in each]).mean())],
    ),
    "losses as one tensor": (
        "train_softmax_classifier",
        [lambda *a: (lambda w, b, losses: (w, b, torch.stack(losses)))(*classifier(*a))],
    ),
    "batches by another generator": (
        "train_softmax_classifier",
        [lambda *a: classifier(*a, deal=by_own_generator)],
    ),
}

STOPPED = {
    "F.cross_entropy": (
        "train_softmax_classifier",
        [lambda x, t, *a: F.cross_entropy(x, t % x.shape[1])],
        "cross_entropy",
    ),
}

IMPORTS = "import torch\nimport torch.nn.functional as F"
REFUSED = {
    what: (name, [IMPORTS, f"def {name}(*a, **more):\n    return {expression}"], "which is the exercise itself")
    for what, name, expression in [
        ("torch.optim.SGD", "sgd_step", "torch.optim.SGD(*a)"),
        ("the function of SGD", "momentum_step", "torch.optim.sgd.sgd(*a)"),
        ("RMSprop", "rmsprop_step", "torch.optim.RMSprop(*a)"),
        ("Adam", "adam_step", "torch.optim.Adam(*a)"),
        ("fused Adam", "adam_step", "torch._fused_adam_(*a)"),
        ("a scheduler", "step_decay", "torch.optim.lr_scheduler.StepLR(*a)"),
        ("a scheduler of the cosine", "cosine_decay", "torch.optim.lr_scheduler.CosineAnnealingLR(*a)"),
        ("a loader", "minibatches", "list(torch.utils.data.DataLoader(*a))"),
        ("a sampler", "minibatches", "list(torch.utils.data.BatchSampler(*a))"),
        ("an optimizer to train with", "train_softmax_classifier", "torch.optim.SGD(*a)"),
        ("cross-entropy to train with", "train_softmax_classifier", "F.cross_entropy(*a)"),
    ]
}
REFUSED["a classifier of scikit-learn"] = (
    "train_softmax_classifier",
    [
        "from sklearn.linear_model import LogisticRegression",
        "def train_softmax_classifier(x, target, *a):\n    return LogisticRegression().fit(x, target)",
    ],
    "which is the exercise itself",
)

ALLOWED = {
    "randperm, split and chunk": (
        "minibatches",
        [
            IMPORTS,
            "def minibatches(n, size, generator):\n"
            "    return torch.randperm(n, generator=generator).split(size), torch.arange(n).chunk(3)",
        ],
    ),
    "lerp, addcmul and addcdiv": (
        "adam_step",
        [
            IMPORTS,
            "def adam_step(p, g, m, s, *a):\n"
            "    return torch.lerp(m, g, 0.1), torch.addcmul(s, g, g), torch.addcdiv(p, m, s)",
        ],
    ),
    "math and numpy": (
        "cosine_decay",
        ["import math, numpy", "def cosine_decay(lr, *a):\n    return math.cos(lr), numpy.cos(lr), math.pi"],
    ),
    "logsumexp": (
        "train_softmax_classifier",
        [
            IMPORTS,
            "def train_softmax_classifier(x, *a):\n    return torch.logsumexp(x, 1), F.one_hot(x), F.linear(x, x)",
        ],
    ),
}


# Wrong programs as people post them, each in a style of its own, with words of the hint that they must get.
def adam_class(correct=True, inside=False, power=True):
    def adam_step(params, grads, exp_avgs, exp_avg_sqs, step, lr, betas=(0.9, 0.999), eps=1e-8):
        out, avgs, sqs = [], [], []
        for i, p in enumerate(params):
            avgs.append(exp_avgs[i] + (1 - betas[0]) * (grads[i] - exp_avgs[i]))
            sqs.append(exp_avg_sqs[i] + (1 - betas[1]) * (grads[i].pow(2) - exp_avg_sqs[i]))
            t = step if power else 1
            m_hat = avgs[i] / (1 - betas[0] ** t) if correct else avgs[i]
            v_hat = sqs[i] / (1 - betas[1] ** t) if correct else sqs[i]
            out.append(p - lr * m_hat / (torch.sqrt(v_hat + eps) if inside else torch.sqrt(v_hat) + eps))
        return out, avgs, sqs

    return adam_step


NAMED = {
    "batches before the loop": ("train_softmax_classifier", [classifier_dealt_once], "dealt once"),
    "decay beside the step": (
        "sgd_step",
        [lambda p, g, lr, weight_decay=0.0: [q - lr * h + weight_decay * q for q, h in zip(p, g, strict=True)]],
        "belongs to the gradient",
    ),
    "adam without a correction": ("adam_step", [adam_class(correct=False)], "not corrected"),
    "adam with eps under the root": ("adam_step", [adam_class(inside=True)], "inside the root"),
    "adam without a power": ("adam_step", [adam_class(power=False)], "must fade"),
    "heavy ball with the rate inside": (
        "momentum_step",
        [
            lambda p, g, v, lr, m, nesterov=False: (
                [
                    q - (lr * h + m * (m * u + lr * h) if nesterov else m * u + lr * h)
                    for q, h, u in zip(p, g, v, strict=True)
                ],
                [u * m + h * lr for u, h in zip(v, g, strict=True)],
            )
        ],
        "learning rate is in the velocity",
    ),
    "decay that grows": (
        "sgd_step",
        [lambda p, g, lr, wd=0.0: [q.mul(1 + lr * wd).sub(h * lr) for q, h in zip(p, g, strict=True)]],
        "wrong sign",
    ),
    "a stair too early": ("step_decay", [lambda lr, e, s, gamma: lr * gamma ** math.floor((1 + e) / s)], "too early"),
    "a cosine without its floor": (
        "cosine_decay",
        [lambda lr, e, total, low=0.0: 0.5 * lr * (1.0 + numpy.cos(numpy.pi * e / total))],
        "min_lr is not used",
    ),
    "a course's velocity": ("momentum_step", [velocity_of_a_course], "holds the step itself"),
    "a correction by a product": ("adam_step", [adam_with_a_product], "raised to the power"),
    "a cosine of degrees": (
        "cosine_decay",
        [lambda lr, epoch, total, low=0.0: low + (lr - low) * (1 + math.cos(180 * epoch / total)) / 2],
        "in radians",
    ),
}
