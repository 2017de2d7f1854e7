"""Rules as code: the graph of a config over logs that are there, without a daemon, a state or a sink.

    files ─▶ Logs ┐                                    ┌▶ alerts ─▶ replay (a table, a page), backtest (a difference),
    lines ─▶ Script ┴▶ Rehearsal: ticks by event time ─┤           test (what was expected)
                                                       └▶ Witness ─▶ why, and how far tests reach

Nothing here touches what a daemon keeps, and nothing leaves. `importing/` makes a config of other programs' rules.
"""
