"""The style sheet of the report: for a screen of any width, for A4, in light and in dark."""

STYLE = """
:root { color-scheme: light dark; --ink: #1f2933; --soft: #5b6770; --line: #d9dee3; --accent: #1f5f8b;
  --paper: #ffffff; --tint: #eef4f8; --ground: #f4f6f8; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8eb; --soft: #a3afb8; --line: #3a444c;
  --accent: #7fb8dc; --paper: #1c2226; --tint: #26323a; --ground: #14181b; } }
* { box-sizing: border-box; }
body { font: 16px/1.55 system-ui, sans-serif; color: var(--ink); background: var(--ground); margin: 0; }
main { max-width: 68rem; margin: 2rem auto; padding: 1rem 3rem 3rem; background: var(--paper);
  overflow-wrap: break-word; }
h1 { font-size: 1.7rem; margin-bottom: .2rem; } h2 { font-size: 1.3rem; margin-top: 2.6rem; }
h3 { font-size: 1.05rem; margin: 1.6rem 0 .4rem; } summary { cursor: pointer; margin: .8rem 0; }
a { color: var(--accent); }
.question { color: var(--soft); font-size: 1.1rem; margin-top: 0; }
.answer { border-left: 4px solid var(--accent); padding: .4rem 1.2rem; background: var(--tint); }
.answer section + section { margin-top: 1rem; } .answer h2 { font-size: 1.05rem; margin: .4rem 0 .2rem; }
.answer p { margin: .3rem 0; }
nav ul { display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; list-style: none; margin: 1.4rem 0 0;
  padding: 0; }
.scroll { overflow-x: auto; max-width: 100%; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .93rem; }
th, td { padding: .32rem .6rem; border-bottom: 1px solid var(--line); text-align: right;
  white-space: nowrap; }
th { vertical-align: bottom; white-space: normal; min-width: 4.5rem; }
th.text, td.text { text-align: left; white-space: normal; min-width: 12rem; }
th:first-child, td:first-child { text-align: left; position: sticky; left: 0; background: var(--paper); }
thead th { border-bottom: 2px solid var(--ink); }
tr.champion td { background: var(--tint); font-weight: 600; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(26rem, 100%), 1fr)); gap: 1.6rem;
  margin-top: 1.6rem; }
figure { margin: 0; align-self: center; } figure.wide { grid-column: 1 / -1; }
figure img { width: 100%; height: auto; background: #ffffff; }
figcaption { color: var(--soft); font-size: .9rem; }
pre { background: var(--ground); padding: .8rem 1rem; overflow-x: auto; }
.note, footer { color: var(--soft); font-size: .9rem; }
@media (max-width: 40rem) {
  main { margin: 0; padding: .5rem 1rem 2rem; }
  th, td { padding: .3rem .45rem; }
  th:first-child, td:first-child { white-space: normal; min-width: 7rem; max-width: 9.5rem; }
}
@page { size: A4; margin: 14mm; }
@media print {
  :root { color-scheme: light; --ink: #1f2933; --soft: #5b6770; --line: #d9dee3; --accent: #1f5f8b;
    --paper: #ffffff; --tint: #eef4f8; --ground: #ffffff; }
  body { font-size: 10pt; } main { max-width: none; margin: 0; padding: 0; }
  nav { display: none; } .scroll { overflow: visible; }
  table { font-size: 7.5pt; max-width: 100%; } th, td { padding: .15rem .3rem; white-space: normal; }
  th:first-child, td:first-child { position: static; }
  th, th.text, td.text { min-width: 0; }
  tr, figure { break-inside: avoid; } h2, h3 { break-after: avoid; } thead { display: table-header-group; }
  .figures { grid-template-columns: 1fr 1fr; }
}
"""
