//! What is claimed of the method.

use theory::claim::Claim;

/// The cells are all there are.
pub static CELLS: Claim = Claim::new(
    "zonotope.cells",
    "The reachable set of a ReLU layer is found whole",
    "Depth-first search over activation patterns with empty prefixes pruned finds exactly the \
     patterns that inputs have, the all-inactive one among them.",
    r"\{s:\exists x\in[-1,1]^2,\ s=[W_1x+b_1>0]\}",
    "Chung and others, arXiv 2107.07696, corrected in two places",
    "related-zonotope-training.md",
);

/// The value of the collision check.
pub static SCALE: Claim = Claim::new(
    "zonotope.scale",
    "Emptiness of a constrained zonotope is a linear program",
    "The least infinity-norm of the coefficients is found between two bounds, by a second solver \
     and by clipping polygons.",
    r"v^*=\min\{\|z\|_\infty:Az=b\}=\max\{b^\top\lambda:\|A^\top\lambda\|_1\le1\}",
    "Chung and others, arXiv 2107.07696; linear programming duality",
    "related-zonotope-training.md",
);

/// The gradient of the collision check.
pub static GRADIENT: Claim = Claim::new(
    "zonotope.gradient",
    "The collision check has a closed-form gradient",
    "The optimal coefficients and multipliers of the linear program give the derivatives of its \
     value by every weight, without a differentiable solver.",
    r"\partial v^*=\lambda^\top\partial b-\lambda^\top(\partial A)z^*",
    "derived in paper-notes/related-zonotope-training.md",
    "related-zonotope-training.md",
);

/// The outcome of training.
pub static CERTIFIED: Claim = Claim::new(
    "zonotope.certified",
    "Training on the collisions ends in a provably safe network",
    "Alternating steps on the objective and on the collisions of the reachable set, then steps on \
     the collisions alone, end in a network with a certificate in nine of ten runs.",
    r"v^*_s\ge1+\tfrac\varepsilon2\quad\text{for every cell }s",
    "Chung and others, arXiv 2107.07696; margin and threshold are ours",
    "related-zonotope-training.md",
);

/// The worth of a certificate.
pub static SOUND: Claim = Claim::new(
    "zonotope.sound",
    "A certificate is never wrong",
    "No random input leads a certified network into the unsafe set.",
    r"f([-1,1]^2)\cap O=\emptyset",
    "proved in paper-notes/related-zonotope-training.md, but for rounding",
    "related-zonotope-training.md",
);
