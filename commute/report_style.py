"""How the napkin page looks: one style sheet, for screens of any width, light and dark, and for paper.

What may be added here: the look of a part of the page. What never belongs here: colours of wires and symbols (`symbols.py`).
"""

PAGE_STYLE = """
:root{color-scheme:light dark;--ink:#16181c;--quiet:#6a6f76;--ground:#fff;--rule:#e4e4e0;--accent:#b45309}
@media (prefers-color-scheme:dark){:root{--ink:#e6e6e6;--quiet:#9aa0a8;--ground:#16181c;--rule:#2f333a;--accent:#fbbf24}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:17px/1.55 'Latin Modern Roman','STIX Two Text','Times New Roman',Times,serif;font-variant-numeric:tabular-nums}
main{max-width:1240px;margin:0 auto;padding:72px 32px 64px}
header{margin-bottom:72px}
h1{font-size:44px;line-height:1.1;font-weight:400;font-style:italic;margin:0 0 8px;letter-spacing:-.01em}
.lead{font-size:19px;color:var(--quiet);margin:0 0 32px}
.figures{display:flex;flex-wrap:wrap;gap:20px 48px;margin:0 0 28px}
.figures div{max-width:190px}
.figures b{display:block;font-size:30px;line-height:1.2;font-weight:400}
.figures div:first-child b{color:var(--accent)}
.figures span{font-size:14px;line-height:1.35;color:var(--quiet);display:block}
.verdict{margin:0;color:var(--quiet)}.verdict b{color:var(--accent);font-weight:400;letter-spacing:.06em}
section{margin:0 0 80px}
h2{font-size:15px;font-weight:400;letter-spacing:.12em;text-transform:uppercase;margin:0 0 10px;padding-top:14px;border-top:1px solid var(--rule)}
h3{font-size:17px;font-weight:400;font-style:italic;margin:36px 0 4px}
.note{max-width:44em;color:var(--quiet);font-size:15.5px;margin:0 0 18px}
figure{margin:20px 0;overflow-x:auto}
figure svg{display:block;height:auto;max-width:100%;margin:0}
figcaption{font-size:14px;line-height:1.4;color:var(--quiet)}
.law{border-left:2px solid var(--accent);margin:28px 0 24px;padding:2px 0 2px 20px}
.law p{margin:0}.law b{font-weight:400;font-style:italic;font-size:19px}.law span{color:var(--quiet);font-size:15px}
.laws{display:flex;flex-wrap:wrap;gap:8px 40px;align-items:flex-end}
figure.small{margin:10px 0 4px;max-width:100%}figure.small .ground{fill:none}
figure.small svg{zoom:.62;margin:-14px 0 -10px -20px}
.legend{display:flex;flex-wrap:wrap;gap:4px 28px;font-size:15px;color:var(--quiet);margin:0 0 8px}
.legend span::before{content:"";display:inline-block;width:26px;height:0;border-top:2px solid #111;vertical-align:4px;margin-right:8px}
.legend .inner::before{border-color:#d97706}.legend .registers::before{border-color:#2563eb}
.legend .move::before{width:0;border:5px solid transparent;border-left:9px solid #d97706;vertical-align:-1px;margin-right:2px}
@media (prefers-color-scheme:dark){.legend .outer::before{border-color:#e6e6e6}.legend .inner::before{border-color:#fbbf24}.legend .registers::before{border-color:#7aa7ff}.legend .move::before{border-left-color:#fbbf24}}
.formula{font-size:21px;margin:14px 0 0;padding-left:1.6em;text-indent:-1.6em}.formula span{color:var(--accent);white-space:nowrap}
sub,sup{font-size:.68em;line-height:0}
.tiles{margin:2px 0 22px;color:var(--quiet)}
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,400px),1fr));gap:28px 44px;align-items:start}
.plots figure{margin:0;overflow:visible}.plots figure svg{width:100%;max-width:520px}.plots figcaption{max-width:440px;margin-top:4px}
table{border-collapse:collapse;font-size:15.5px}
th{font-weight:400;font-style:italic;color:var(--quiet)}
th,td{text-align:right;padding:4px 0 4px 28px;border-bottom:1px solid var(--rule);white-space:nowrap}
th:first-child,td:first-child{padding-left:0}.words{text-align:left;white-space:normal}
.table .note{margin-top:12px;font-size:14px;max-width:400px}
footer{font-size:14px;color:var(--quiet);border-top:1px solid var(--rule);padding-top:14px}
@media screen and (max-width:760px){figure:not(.small){margin-left:-20px;margin-right:-20px}.plots figure:not(.small){margin:0}main{padding:40px 24px}header{margin-bottom:48px}section{margin-bottom:56px}h1{font-size:36px}.formula{font-size:18px}}
@media print{@page{margin:14mm}body{font-size:11pt}main{max-width:none;padding:0}header{margin-bottom:28pt}section{margin-bottom:24pt}
figure{overflow:visible;break-inside:avoid}figure svg{min-width:0 !important}.law{break-inside:avoid;break-after:avoid}h2,h3,.note,.legend{break-after:avoid}
.plots{grid-template-columns:1fr 1fr;gap:16pt 20pt}.table,tr{break-inside:avoid}}
""".strip()  # noqa: E501
