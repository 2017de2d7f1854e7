"""What `ratio` and `stats` do when a figure is judged, by a model that keeps all events and looks through them all."""

from corowatch.core.events import rfc3339


class Model:
    """`wrong` judges the worths of a window, `speaks` one of them. Times are whole seconds, so its arithmetic is exact.

    In `told` stands what went on: time, key, state, worths, first and last, past lines, suppressed.
    """

    def __init__(self, wrong, speaks, *, within, at_least, rest, calm, lateness):
        self.wrong, self.speaks = wrong, speaks
        self.within, self.at_least, self.calm, self.lateness = within, at_least, calm, lateness
        self.silence = calm or (within if rest is None else rest)
        self.expire = max(2 * within, 2 * self.silence)
        self.now = self.newest = 0
        self.keys, self.told = {}, []

    def passes(self, at):
        over = sorted((one["due"], key) for key, one in self.keys.items() if one["fired"] and one["due"] <= at)
        for due, key in over:
            one = self.keys.pop(key)
            self.told.append((due, key, "resolved", *one["fired"], one["suppressed"]))

    def forgets(self, at):
        self.now = max(at, self.now)
        self.keys = {key: one for key, one in self.keys.items() if one["touched"] + self.expire >= self.now}

    def tick(self, at):
        self.passes(at)
        self.forgets(at)

    def sees(self, at, key, worth, text):
        self.passes(at)
        if at < self.newest - self.lateness:
            return
        self.newest = max(at, self.newest)
        self.forgets(at)
        if worth is None:
            return
        one = self.keys.setdefault(key, {"events": [], "until": 0, "suppressed": 0, "fired": None, "due": 0})
        one["touched"] = self.now
        if at < one["until"]:
            one["suppressed"] += 1
            return
        one["events"].append((at, worth, text))
        end = self.pane(max(at for at, *_ in one["events"]))
        window = [event for event in one["events"] if end - 12 < self.pane(event[0])]
        worths = [worth for _, worth, _ in window]
        wrong = len(window) >= self.at_least and self.wrong(worths)
        if one["fired"]:
            one["suppressed"] += 1
            one["due"] = max(one["due"], at + self.calm) if wrong else one["due"]
        elif wrong:
            lines = [(at, text) for at, worth, text in one["events"][:-1] if self.speaks(worth)][-9:]
            times = [at for at, *_ in window]
            found = (worths, rfc3339(min(times)), rfc3339(max(times)),
                     [text for at, text in lines if end - 12 < self.pane(at)])
            self.told.append((at, key, "firing" if self.calm else "", *found, one["suppressed"]))
            one["suppressed"] = 0
            if self.calm:
                one["fired"], one["due"] = found, at + self.calm
            else:
                one["events"], one["until"] = [], at + self.silence

    def pane(self, at):
        return at * 12 // self.within
