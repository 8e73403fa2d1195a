"""How to read the figures of a comparison of methods."""

from marrow.report.page import Reading

METRICS = Reading(
    figure="the metrics of the methods",
    shown="each metric on test bags alone. A dot is the mean over runs (seeds, repeats and folds), a line the 95% "
    "bootstrap interval by patient; in the table, mean ± standard deviation over n runs. Sensitivity, specificity and "
    "F1 are means over classes, each class against the rest; AUC is that of two classes or, of more, the mean of one "
    "against the rest. Log loss, Brier score and calibration error are better when lower. Where no interval is drawn, "
    "too many draws of patients lack a class. Short names are the papers': MIL multiple-instance learning, att "
    "attention, WL a weight of the losses that is set by hand, GN GradNorm, CS cosine similarity, AL AdaLoss, OA "
    "OL-AUX.",
    good="narrow intervals, well apart from what guessing gives: a balanced accuracy of one over the number of "
    "classes, an AUC of 0.5.",
    bad="intervals that overlap from end to end: the order of the dots says nothing. A high accuracy beside a low "
    "balanced accuracy: the method names the largest class. An n that is smaller than that of the others: runs are "
    "missing, and the means are not of the same runs.",
    remedy="wide intervals need more test patients, not more seeds. Look at the comparison below before a method is "
    "called better, and let missing runs finish before a table is published.",
)
COMPARISON = Reading(
    figure="the comparison",
    shown="every method less the reference, on the same bags and seeds: the mean difference, its 95% bootstrap "
    "interval by patient, and p, as it is and corrected for the number of comparisons.",
    good="an interval that leaves out 0, and a corrected p below the table's level: the data show a difference.",
    bad="an interval across 0: the data do not tell the two apart, whatever the table of means suggests. That is not "
    "the same as being equal.",
    remedy="say 'not shown to differ', never 'equal' or 'better'. If the difference matters, add patients.",
)
REPEATABILITY = Reading(
    figure="the repeatability of verdicts",
    shown="random parts of each test bag, judged apart: the share of pairs of parts that are given the same class, the "
    "share of parts that are given the class of the whole bag, the standard deviation of that class's probability, and "
    "how often the majority of the parts is right. The same of the several bags of a patient, where test patients have "
    "any: the share of pairs that agree, and the largest difference of a class's probability. Means over runs.",
    good="shares near 1 and a deviation near 0, with a majority that is right: the verdict does not hang on which "
    "instances happened to be there. A method of attributes alone has 1 by construction.",
    bad="a share near one half of two classes: another part of the same bag is given another class. A high agreement "
    "with a majority that is wrong: the method errs steadily, or always names one class.",
    remedy="judge whole bags, and several of a patient where there are; prefer, of methods that are as good, the "
    "steadier one.",
)
CONFUSION = Reading(
    figure="a confusion matrix",
    shown="true classes down, predicted classes across; in each cell how many test bags, over all runs, and which "
    "share of its row. The darker, the larger the share.",
    good="a dark diagonal.",
    bad="a dark column: one class is named whatever the truth is. Two classes that exchange bags: they look alike to "
    "the method.",
    remedy="a dark column comes of classes of unequal size: set class weights, or choose the model by F1. For classes "
    "that are exchanged look at the scans themselves, further below, and at their labels.",
)
RELIABILITY = Reading(
    figure="a reliability curve",
    shown="test bags sorted into bins by the probability that the model gives; across the mean probability of a bin, "
    "up the share of bags for which it came true. The thin diagonal is a model that means what it says.",
    good="dots near the diagonal. With few bags in a bin they scatter; the numbers are in the table.",
    bad="dots below the diagonal at the right: the model is surer than it may be. An S through the middle: surer than "
    "it may be at both ends.",
    remedy="take the probabilities as an order, not as probabilities; train for fewer epochs, or calibrate on "
    "validation bags before anybody acts on a number.",
)
CURVES = Reading(
    figure="a course of training",
    shown="a quantity by epoch, a chart a method, all on one scale. Faint lines are single runs (of more than five: "
    "the least and the greatest), the full line is their mean. Weights of tasks and the lengths and products of "
    "gradients show what a weighting does; attention entropy is 1 where all weigh alike, 0 where one has all.",
    good="a loss that falls and flattens, on validation bags too. An attention entropy that comes down from 1.",
    bad="a loss on validation bags that rises while the other falls: the bags are learned by heart. An entropy of 1 to "
    "the end: the attention chooses nothing. A weight that runs off or swings: the weighting is unstable. A jump: the "
    "learning rate is too large.",
    remedy="train for fewer epochs or choose the epoch by validation loss; for a weight that swings take the "
    "stabilised variant or a smaller beta; for an attention that stays flat train longer.",
)
PAPERS = Reading(
    figure="the papers' tables",
    shown="the layout of a published table with our numbers, the published ones beside them, and what differs in the "
    "protocol.",
    good="published numbers inside our intervals, where the data are the same.",
    bad="numbers far from the published ones on the same data. On a simulated cohort they have no relation at all.",
    remedy="read the notes on the protocol first; then the courses of training.",
)
