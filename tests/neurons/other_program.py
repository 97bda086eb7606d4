"""Stands in for the program whose network files we read: writes such files and evaluates them.

Knows nothing of tinygrad_lite; neuron after neuron, connection after connection, as the original.
"""

import json

import numpy as np

EDGES = {
    "horizontal": [
        [-0.4, -0.5, -0.7, -1, -0.7, -0.5, -0.4],
        [0] * 7,
        [0] * 7,
        [0.7, 0.8, 0.9, 1, 0.9, 0.8, 0.7],
        [0] * 7,
        [0] * 7,
        [-0.4, -0.5, -0.7, -1, -0.7, -0.5, -0.4],
    ],
    "slash": [
        [-2, -1, -0.5, 0, 0, 0, 0.7],
        [-1, -0.5, 0, 0, 0, 0.8, 0],
        [-0.5, 0, 0, 0.7, 0.9, 0, 0],
        [0, 0, 0.7, 1, 0.7, 0, 0],
        [0, 0, 0.9, 0.7, 0, 0, -0.5],
        [0, 0.8, 0, 0, 0, -0.5, -1],
        [0.7, 0, 0, 0, -0.5, -1, -2],
    ],
}
EDGES["vertical"] = [list(column) for column in zip(*EDGES["horizontal"], strict=True)]
EDGES["backslash"] = [row[::-1] for row in EDGES["slash"]]


def neuron(bias, function, inputs):
    return {
        "bias": float(bias),
        "activationFunction": function,
        "inputs": [
            {"fromLayer": int(k), "fromNeuron": int(n), "weight": float(w)} for k, n, w in inputs
        ],
    }


def wired(lengths, functions, feeds, seed, scale=0.5, density=1.0):
    """A network with random weights. feeds(layer) lists the layers that feed a layer."""
    rng = np.random.default_rng(seed)
    layers = []
    for k in range(1, len(lengths)):
        neurons = []
        for j in range(lengths[k]):
            sources = [(f, n) for f in feeds(k) for n in range(lengths[f])]
            kept = [s for s in sources if rng.random() < density]
            inputs = [(f, n, rng.uniform(-scale, scale)) for f, n in kept]
            function = functions[(k - 1) % len(functions)]
            if function == "MIXED":
                function = ("SIGMOID", "RELU")[j % 2]
            neurons.append(neuron(rng.uniform(-0.8, 0.8), function, inputs))
        layers.append({"neurons": neurons})
    return {"inputLayerLength": lengths[0], "otherLayers": layers}


def edge_maps(seed):
    """The wiring of the original's fourth network, with random weights to the output."""
    layers = []
    for pattern in EDGES.values():
        neurons = []
        for y in range(3, 28 - 3, 2):
            for x in range(3, 28 - 3, 2):
                inputs = [
                    (0, (y + dy) * 28 + x + dx, pattern[dy + 3][dx + 3])
                    for dy in range(-3, 4)
                    for dx in range(-3, 4)
                    if abs(pattern[dy + 3][dx + 3]) > 0.001
                ]
                neurons.append(neuron(-1, "RELU", inputs))
        layers.append({"neurons": neurons})
    rng = np.random.default_rng(seed)
    output = []
    for _ in range(10):
        inputs = [
            (k, n, rng.uniform(-0.2, 0.2))
            for k in range(1, 5)
            for n in range(len(layers[0]["neurons"]))
        ]
        output.append(neuron(rng.uniform(-0.8, 0.8), "SIGMOID", inputs))
    return {"inputLayerLength": 784, "otherLayers": [*layers, {"neurons": output}]}


def text(network, style="compact", seed=0):
    """The file: compact, indented, or with keys in any order and numbers spelled oddly."""
    if style == "compact":
        return json.dumps(network, separators=(",", ":"))
    if style == "indented":
        return json.dumps(network, indent=2) + "\n"
    rng = np.random.default_rng(seed)

    def shuffled(thing):
        if isinstance(thing, dict):
            keys = list(thing)
            rng.shuffle(keys)
            members = (f'"\\u{ord(k[0]):04x}{k[1:]}" :\t{shuffled(thing[k])}' for k in keys)
            return "{\r\n" + " , ".join(members) + "}"
        if isinstance(thing, list):
            return "[ " + ",\n".join(map(shuffled, thing)) + " ]"
        return f"{thing!r}".replace("e", "E") if isinstance(thing, float) else json.dumps(thing)

    return shuffled(network)


def evaluate(network, images):
    """Output activations, shape (samples, outputs)."""
    term = np.empty(len(images))
    activations = [list(np.array(images.reshape(len(images), -1).T, np.float64, order="C"))]
    for layer in network["otherLayers"]:
        lit = []
        for each in layer["neurons"]:
            z = np.full(len(images), each["bias"], dtype=np.float64)
            for connection in each["inputs"]:
                source = activations[connection["fromLayer"]][connection["fromNeuron"]]
                z += np.multiply(source, float(connection["weight"]), out=term)
            if each["activationFunction"] == "SIGMOID":
                with np.errstate(over="ignore"):
                    lit.append(1 / (1 + np.exp(-z)))
            else:
                lit.append(np.maximum(z, 0))
        activations.append(lit)
    return np.stack(activations[-1], axis=-1)


def adjacent(layer):
    return [layer - 1]


def all_earlier(layer):
    return list(range(layer))


NETWORKS = {
    "1: no hidden layer": lambda: wired([784, 10], ["SIGMOID"], adjacent, 1),
    "2: adjacent layers": lambda: wired(
        [784, 16, 16, 10], ["RELU", "RELU", "SIGMOID"], adjacent, 2
    ),
    "3: every layer to every later one": lambda: wired(
        [784, 16, 10, 10], ["SIGMOID"], all_earlier, 3
    ),
    "4: edge maps": lambda: edge_maps(4),
    "sparse, mixed functions, skips": lambda: wired(
        [784, 12, 9, 7, 10], ["MIXED", "RELU", "MIXED", "SIGMOID"], all_earlier, 5, density=0.2
    ),
}
