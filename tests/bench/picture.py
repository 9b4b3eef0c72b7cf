"""The chart of a benchmark, as SVG without any library: per case a group of bars, in ratios to `rdwr`."""
COLOURS = ["#9aa0a6", "#5f6368", "#1a73e8", "#188038", "#e37400", "#a142f4"]
BAR, GAP, HEIGHT, LEFT, TOP = 14, 22, 260, 60, 60


def draw(report, figures):
    luns = report["luns"]
    base = "rdwr" if "rdwr" in luns else luns[0]
    cases = list(report["cases"])
    ratios = {case: [report["cases"][case][name][figures[case]] / report["cases"][case][base][figures[case]]
                     for name in luns] for case in cases}
    highest = min(max(max(values) for values in ratios.values()), 3.0)
    group = len(luns) * BAR + GAP
    width = max(LEFT + group * len(cases) + 90, LEFT + 130 * len(luns) + 40, 760)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{TOP + HEIGHT + 110}" '
             'font-family="sans-serif" font-size="11">', '<rect width="100%" height="100%" fill="white"/>',
             f'<text x="{LEFT}" y="18" font-size="14">Rate as a multiple of {base} (medians of {report["rounds"]} '
             f'rounds, {report["processors"]} processors, {report["media"]})</text>']
    for i, name in enumerate(luns):
        x = LEFT + i * 130
        parts.append(f'<rect x="{x}" y="30" width="10" height="10" fill="{COLOURS[i % len(COLOURS)]}"/>'
                     f'<text x="{x + 14}" y="39">{name}</text>')
    step = 0.5
    mark = 0.0
    while mark <= highest + 0.01:
        y = TOP + HEIGHT - HEIGHT * mark / highest
        parts.append(f'<line x1="{LEFT}" x2="{width - 10}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>'
                     f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{mark:.1f}</text>')
        mark += step
    for c, case in enumerate(cases):
        x = LEFT + c * group + GAP / 2
        for i, ratio in enumerate(ratios[case]):
            tall = HEIGHT * min(ratio, highest) / highest
            parts.append(f'<rect x="{x + i * BAR:.1f}" y="{TOP + HEIGHT - tall:.1f}" width="{BAR - 2}" '
                         f'height="{tall:.1f}" fill="{COLOURS[i % len(COLOURS)]}"><title>{luns[i]}: {ratio:.2f}</title></rect>')
            above = TOP + HEIGHT - tall - 3
            parts.append(f'<text x="{x + i * BAR + BAR / 2:.1f}" y="{above:.1f}" font-size="8" '
                         f'text-anchor="middle">{ratio:.1f}</text>')
        middle = x + len(luns) * BAR / 2
        parts.append(f'<text transform="translate({middle:.1f},{TOP + HEIGHT + 14}) rotate(30)">{case}</text>')
    parts.append("</svg>")
    return "\n".join(parts) + "\n"


def draw_sizes(rows):
    """Two panels over the size of a storage: time to start and memory of the head."""
    width, tall, left, top = 380, 220, 60, 60
    panels = [("Start of a mirror of two disks, ms", [1000 * row["start_s"] for row in rows]),
              ("What the head grows by, MiB", [row["memory_mib"] for row in rows])]
    names = [f"{row['gib']} GiB" if row["gib"] < 1024 else f"{row['gib'] // 1024} TiB" for row in rows]
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{2 * width}" height="{top + tall + 60}" '
             'font-family="sans-serif" font-size="11">', '<rect width="100%" height="100%" fill="white"/>']
    for panel, (title, values) in enumerate(panels):
        x0 = panel * width + left
        highest = max(values) * 1.15
        parts.append(f'<text x="{x0}" y="30" font-size="14">{title}</text>')
        parts.append(f'<line x1="{x0}" x2="{x0 + width - left - 20}" y1="{top + tall}" y2="{top + tall}" stroke="#888"/>')
        step = (width - left - 20) / len(values)
        for i, value in enumerate(values):
            x, height = x0 + step * i + step / 4, tall * value / highest
            parts.append(f'<rect x="{x:.1f}" y="{top + tall - height:.1f}" width="{step / 2:.1f}" height="{height:.1f}" '
                         f'fill="{COLOURS[2]}"/>')
            parts.append(f'<text x="{x + step / 4:.1f}" y="{top + tall - height - 4:.1f}" text-anchor="middle">'
                         f'{value:.0f}</text>')
            parts.append(f'<text x="{x + step / 4:.1f}" y="{top + tall + 18}" text-anchor="middle">{names[i]}</text>')
    parts.append("</svg>")
    return "\n".join(parts) + "\n"
