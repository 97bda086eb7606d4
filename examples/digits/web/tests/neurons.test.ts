import { describe, expect, it } from "vitest";
import { NetworkFileError } from "../src/networks/network";
import { readNeurons } from "../src/networks/neurons";

const input = (fromLayer: number, fromNeuron: number, weight: number) => ({
  fromLayer,
  fromNeuron,
  weight,
});

const neuron = (inputs: object[] = [], bias = 0, activationFunction = "SIGMOID") => ({
  bias,
  activationFunction,
  inputs,
});

/** Two hidden neurons of different kinds, and outputs that hear of them and of the picture. */
function small() {
  const outputs = Array.from({ length: 10 }, (_, digit) =>
    neuron([input(1, 0, digit - 3), input(1, 1, 0.5), input(0, digit, 2)], -digit / 10),
  );
  const hidden = [
    neuron([input(0, 0, 1.5), input(0, 783, -0.5)], 0.25, "RELU"),
    neuron([input(0, 5, -1)], 0.75),
  ];
  return { inputLayerLength: 784, otherLayers: [{ neurons: hidden }, { neurons: outputs }] };
}

const sigmoid = (z: number) => 1 / (1 + Math.exp(-z));

/** The same network written out. */
function byHand(pixels: Float32Array): number[] {
  const first = Math.max(1.5 * pixels[0] - 0.5 * pixels[783] + 0.25, 0);
  const second = sigmoid(-pixels[5] + 0.75);
  return Array.from({ length: 10 }, (_, digit) =>
    sigmoid((digit - 3) * first + 0.5 * second + 2 * pixels[digit] - digit / 10),
  );
}

const picture = Float32Array.from({ length: 784 }, (_, i) => ((i * 37 + 50) % 101) / 100);

describe("a network of neurons", () => {
  it("computes what its neurons say", () => {
    const outputs = readNeurons(small()).run(picture);
    byHand(picture).forEach((output, digit) => {
      expect(outputs[digit]).toBeCloseTo(output, 14);
    });
  });

  it("knows the gradient of each output", () => {
    const network = readNeurons(small());
    for (const digit of [0, 5, 9]) {
      network.run(picture);
      const gradient = network.gradient(digit);
      for (const pixel of [0, 5, 9, 100, 783]) {
        const step = 2 ** -8; // float32 pixels: a step they can hold
        const [higher, lower] = [step, -step].map((change) => {
          const moved = picture.slice();
          moved[pixel] += change;
          return byHand(moved)[digit];
        });
        expect(gradient[pixel]).toBeCloseTo((higher - lower) / (2 * step), 4);
      }
    }
  });

  it("tells the strongest connections, which sum up to what they carry", () => {
    const network = readNeurons(small());
    network.run(picture);
    const links = network.links(5);
    const into = links.filter(({ to }) => to.stage === 2);
    expect(into.every(({ to }) => to.map === 5)).toBe(true);
    const output = byHand(picture)[5];
    const first = Math.max(1.5 * picture[0] - 0.5 * picture[783] + 0.25, 0);
    const strongest = into.find(({ from }) => from.stage === 1 && from.neuron === 0);
    expect(strongest?.contribution).toBeCloseTo(output * (1 - output) * 2 * first, 12);
  });

  it("shows its layers, with what is as deep side by side", () => {
    const file = small();
    file.otherLayers.splice(1, 0, { neurons: [neuron([input(0, 1, 1)])] });
    for (const output of file.otherLayers[2].neurons) output.inputs = [input(2, 0, 1)];
    const stages = readNeurons(file).stages();
    expect(stages.map(({ depth }) => depth)).toEqual([0, 1, 1, 2]);
    expect(stages[0]).toMatchObject({ width: 28, height: 28, maps: 1 });
    expect(stages[3]).toMatchObject({ width: 1, height: 1, maps: 10 });
  });

  it.each([
    [{ ...small(), inputLayerLength: 783 }, "inputLayerLength: expected 784"],
    [{ ...small(), extra: 1 }, 'the file: the key "extra" is unknown'],
    [{ inputLayerLength: 784 }, 'the file: the key "otherLayers" is missing'],
    [{ inputLayerLength: 784, otherLayers: [] }, "the last layer has 0 neurons"],
    [{ inputLayerLength: 784, otherLayers: [{ neurons: [] }] }, "otherLayers[0].neurons: empty"],
    [{ inputLayerLength: 784, otherLayers: {} }, "otherLayers: expected a list, found an object"],
    [
      { inputLayerLength: 784, otherLayers: [{ neurons: [neuron([input(1, 0, 1)])] }] },
      "otherLayers[0].neurons[0].inputs[0].fromLayer: expected a whole number from 0 to 0, found 1",
    ],
    [
      { inputLayerLength: 784, otherLayers: [{ neurons: [neuron([input(0, -1, 1)])] }] },
      "fromNeuron: expected a whole number from 0 to 783, found -1",
    ],
    [
      { inputLayerLength: 784, otherLayers: [{ neurons: [neuron([], Number.NaN)] }] },
      "bias: expected a finite number",
    ],
  ])("refuses what is no such file %#", (file, message) => {
    expect(() => readNeurons(file)).toThrow(NetworkFileError);
    expect(() => readNeurons(file)).toThrow(message);
  });
});
