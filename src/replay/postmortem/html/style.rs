//! The one style sheet of the page, inline; its digest stands in the page's policy, so no other style counts.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};

/// Light and dark, narrow and on paper.
pub(super) const SHEET: &str = "\
:root{color-scheme:light dark;--bg:#fbfbf9;--card:#fff;--ink:#1c2024;--soft:#5c6670;--line:#dcdfe3;--zebra:#f4f5f3;\
--accent:#2458a6;--good:#1d7f4e;--bad:#bd2c2c;--warn:#9a6700;--idle:#8a949e;--run:#2f6fd0;--look:#7a4bb3;--wait:#c08a1e;--code:#f0f1ee;--on:#fff}\
@media(prefers-color-scheme:dark){:root{--bg:#14171a;--card:#1b1f23;--ink:#e4e7ea;--soft:#9aa5b0;--line:#323940;--zebra:#20252a;\
--accent:#7fb0f5;--good:#4cc38a;--bad:#ff7b72;--warn:#e0b14c;--idle:#6c7782;--run:#5b9bf3;--look:#b28be0;--wait:#d6a84a;--code:#242a30;--on:#0d1013}}\
*{box-sizing:border-box}html{-webkit-text-size-adjust:100%}\
body{margin:0;background:var(--bg);color:var(--ink);font:16px/1.55 system-ui,-apple-system,\"Segoe UI\",Roboto,\"Noto Sans\",sans-serif}\
main{max-width:64rem;margin:0 auto;padding:2.5rem 1.25rem 4rem}\
header p.kind{margin:0;color:var(--soft);font-size:.85rem;letter-spacing:.08em;text-transform:uppercase}\
h1{font-size:clamp(1.5rem,1.1rem + 1.8vw,2.2rem);line-height:1.2;margin:.2rem 0 .6rem;overflow-wrap:anywhere;font-weight:650}\
h2{font-size:1.25rem;margin:2.8rem 0 .8rem;padding-top:.4rem;border-top:1px solid var(--line);font-weight:650}\
h3{font-size:1.02rem;margin:1.6rem 0 .5rem;font-weight:650;overflow-wrap:anywhere}\
p{margin:.5rem 0;max-width:46rem;overflow-wrap:anywhere}p.lead{font-size:1.08rem}\
.soft,small{color:var(--soft)}\
a{color:var(--accent);text-decoration-thickness:1px;text-underline-offset:2px}\
nav ul{list-style:none;display:flex;flex-wrap:wrap;gap:.3rem 1.1rem;padding:0;margin:1.2rem 0 0;font-size:.92rem}\
.pill{display:inline-block;border:1px solid currentColor;border-radius:1rem;padding:.05rem .65rem;font-size:.82rem;font-weight:600;white-space:nowrap}\
.good{color:var(--good)}.bad{color:var(--bad)}.warn{color:var(--warn)}.idle{color:var(--soft)}\
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(9.5rem,1fr));gap:.7rem;margin:1.4rem 0 0;padding:0}\
.facts div{background:var(--card);border:1px solid var(--line);border-radius:.6rem;padding:.65rem .85rem}\
.facts dt{color:var(--soft);font-size:.82rem}.facts dd{margin:0;font-size:1.22rem;font-weight:600;font-variant-numeric:tabular-nums}\
.scroll{overflow-x:auto;background:var(--card);border:1px solid var(--line);border-radius:.6rem}\
table{border-collapse:collapse;width:100%;font-size:.9rem}\
th{text-align:left;font-weight:600;color:var(--soft);font-size:.8rem;white-space:nowrap}\
th,td{padding:.42rem .7rem;vertical-align:top;border-bottom:1px solid var(--line)}\
tr:last-child td{border-bottom:0}tbody tr:nth-child(even){background:var(--zebra)}\
td{overflow-wrap:break-word}td.c{min-width:9rem}td.n{font-variant-numeric:tabular-nums;white-space:nowrap;overflow-wrap:normal}td.w{min-width:14rem;overflow-wrap:anywhere}.scroll+.scroll,pre+.scroll,p+.scroll{margin-top:.7rem}\
tr.around td{color:var(--soft);font-style:italic}\
code,pre{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,\"DejaVu Sans Mono\",monospace;font-size:.86em}\
code{overflow-wrap:anywhere}\
pre{background:var(--code);border:1px solid var(--line);border-radius:.5rem;padding:.7rem .85rem;overflow-x:auto;white-space:pre-wrap;overflow-wrap:anywhere;margin:.4rem 0;max-height:28rem}\
figure{margin:1rem 0}figcaption{color:var(--soft);font-size:.88rem;margin:.4rem 0}\
figure .scroll{padding:.6rem}svg{display:block;width:100%;min-width:40rem;height:auto}\
svg text{fill:var(--ink);font:12px system-ui,-apple-system,\"Segoe UI\",Roboto,\"Noto Sans\",sans-serif}svg text.axis{fill:var(--soft);font-size:11px}svg text.on{fill:var(--on);font-size:11px;font-weight:600}\
svg .grid{stroke:var(--line);stroke-width:1}svg .rail{stroke:var(--line);stroke-width:1;stroke-dasharray:2 3}\
svg .f-good{fill:var(--good)}svg .f-bad{fill:var(--bad)}svg .f-idle{fill:var(--idle)}svg .f-run{fill:var(--run)}svg .f-look{fill:var(--look)}svg .f-wait{fill:var(--wait)}\
svg .s-good{stroke:var(--good)}svg .s-bad{stroke:var(--bad)}svg .s-idle{stroke:var(--idle)}svg .s-look{stroke:var(--look)}svg .mark{fill:none;stroke-width:2.4}\
ul.keys{list-style:none;display:flex;flex-wrap:wrap;gap:.2rem 1.1rem;padding:0;margin:.5rem 0;font-size:.85rem;color:var(--soft)}\
ul.keys svg{display:inline-block;width:.8rem;min-width:0;height:.8rem;vertical-align:-.08rem;margin-right:.35rem}\
details{margin:.4rem 0}summary{cursor:pointer;color:var(--accent);font-size:.92rem}\
.note{border-left:4px solid var(--bad);padding:.5rem .9rem;background:var(--card);border-radius:0 .5rem .5rem 0}\
footer{margin-top:3rem;color:var(--soft);font-size:.85rem;border-top:1px solid var(--line);padding-top:1rem}\
@media(max-width:40rem){main{padding:1.4rem .9rem 3rem}body{font-size:15px}}\
@media print{:root{--bg:#fff;--card:#fff;--ink:#000;--soft:#444;--line:#bbb;--zebra:#fff;--code:#fff;--good:#176b41;--bad:#a11;--accent:#000}\
body{font-size:10.5pt}main{max-width:none;padding:0}nav,summary{display:none}details::details-content{content-visibility:visible;block-size:auto}\
pre{max-height:none}h2,h3{break-after:avoid}tr,figure,.facts div{break-inside:avoid}svg{min-width:0}.scroll{overflow:visible}a{text-decoration:none}}";

/// What the page may load: nothing but this sheet. No script, no form, no base.
pub(super) fn policy() -> String {
    let digest = STANDARD.encode(Sha256::digest(SHEET.as_bytes()));
    format!("default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sheet_loads_nothing_and_cannot_end_its_element() {
        for bad in ["url(", "@import", "expression", "<", "javascript"] {
            assert!(!SHEET.contains(bad), "{bad}");
        }
        assert!(policy().starts_with("default-src 'none'; style-src 'sha256-"));
    }
}
