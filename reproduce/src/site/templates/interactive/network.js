"use strict";
// A multilayer perceptron as the crate `training` has it: forward sampling, softmax cross-entropy,
// gradient descent with momentum, all samples in every step.
class Perceptron {
  constructor(widths, stream) {
    this.stream = stream;
    this.steps = 0;
    this.layers = widths.slice(1).map((outputs, i) => {
      const [inputs, name] = [widths[i], `linear-${i + 1}`];
      const draw = (part, count) => {
        const random = stream.child(name).child(part).at(0);
        const bound = 1 / Math.sqrt(inputs);
        return Array.from({ length: count }, () => Math.fround((2 * random() - 1) * bound));
      };
      const weights = draw("weight", inputs * outputs);
      const rows = Array.from({ length: inputs }, (_, row) =>
        weights.slice(row * outputs, (row + 1) * outputs));
      return { name, rows, bias: draw("bias", outputs), velocity: null };
    });
  }

  // The scales of a layer's inputs in this step; all one where there is no policy.
  scales(layer, inputs, policy) {
    const count = layer.rows.length;
    const k = Math.min(count, Math.max(policy?.minimal_k ?? count, Math.floor((policy?.ratio ?? 1) * count)));
    if (k === count) return Array(count).fill(1);
    const norm = (numbers) => Math.sqrt(numbers.reduce((sum, x) => sum + x * x, 0));
    const scores = layer.rows.map((row, i) => norm(inputs.map((sample) => sample[i])) * norm(row));
    return Selection.of(policy.estimator, scores, k, this.stream.child(layer.name).at(this.steps));
  }

  // What each layer is given and keeps, and the logits.
  forward(samples, policy) {
    const passed = [];
    let values = samples;
    this.layers.forEach((layer, place) => {
      const scales = this.scales(layer, values, policy);
      passed.push({ inputs: values, scales });
      values = values.map((sample) => {
        const sums = [...layer.bias];
        sample.forEach((x, i) => {
          if (scales[i] !== 0) layer.rows[i].forEach((w, o) => { sums[o] += scales[i] * x * w; });
        });
        return place + 1 < this.layers.length ? sums.map((sum) => Math.max(sum, 0)) : sums;
      });
    });
    return { passed, logits: values };
  }

  static softmax(logits) {
    const largest = Math.max(...logits);
    const powers = logits.map((logit) => Math.exp(logit - largest));
    const sum = powers.reduce((total, power) => total + power, 0);
    return powers.map((power) => power / sum);
  }

  // The mean loss in nats, exactly computed.
  loss(samples, labels) {
    const { logits } = this.forward(samples);
    const of = (row, i) => -Math.log(Perceptron.softmax(row)[labels[i]]);
    return logits.map(of).reduce((sum, loss) => sum + loss, 0) / labels.length;
  }

  // The chance of class one, exactly computed.
  chance(sample) {
    return Perceptron.softmax(this.forward([sample]).logits[0])[1];
  }

  // One step; gradients pass through the inputs that were kept, with their scales.
  step(samples, labels, policy, { learning_rate: rate, momentum }) {
    const { passed, logits } = this.forward(samples, policy);
    let gradient = logits.map((row, i) =>
      Perceptron.softmax(row).map((p, o) => (p - (o === labels[i] ? 1 : 0)) / labels.length));
    for (let place = this.layers.length - 1; place >= 0; place -= 1) {
      const [layer, { inputs, scales }] = [this.layers[place], passed[place]];
      const ofRows = layer.rows.map((row) => row.map(() => 0));
      const ofBias = layer.bias.map(() => 0);
      const below = gradient.map((dy, sample) => {
        dy.forEach((slope, o) => { ofBias[o] += slope; });
        return layer.rows.map((row, i) => {
          const x = inputs[sample][i];
          if (scales[i] === 0) return 0;
          dy.forEach((slope, o) => { ofRows[i][o] += scales[i] * x * slope; });
          // What a rectifier cut off has no slope.
          const isCut = place > 0 && x <= 0;
          return isCut ? 0 : scales[i] * row.reduce((sum, w, o) => sum + w * dy[o], 0);
        });
      });
      Perceptron.move(layer, [...ofRows, ofBias], rate, momentum);
      gradient = below;
    }
    this.steps += 1;
  }

  static move(layer, gradients, rate, momentum) {
    layer.velocity ??= gradients.map((row) => row.map(() => 0));
    [...layer.rows, layer.bias].forEach((values, r) => {
      const velocity = layer.velocity[r];
      values.forEach((value, i) => {
        velocity[i] = momentum * velocity[i] + gradients[r][i];
        values[i] = value - rate * velocity[i];
      });
    });
  }
}
