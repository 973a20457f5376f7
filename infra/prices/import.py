#!/usr/bin/env python3
"""Makes the built-in catalogue of prices.

    infra/prices/import.py SOURCE.jsonl > crates/domain/src/price/catalogue/models.tsv

SOURCE holds one model a line, prices as decimal strings in US dollars; README.md beside this file says where
it comes from and what its fields are. The same source gives the same bytes.

Money is decimal throughout: dollars per million tokens and dollars per unit become whole picodollars per
token and per unit, rounded half to even.
"""

import json
import sys
from decimal import ROUND_HALF_EVEN, Decimal

EDITION = "2026-11"

HEADER = f"""\
# What models cost upstream, edition {EDITION}. Made by infra/prices/import.py: change that, not this.
# Facts from the price map that the LiteLLM project publishes under the MIT licence, state of November 2026.
# id, provider, mode, input limit, output limit, rates in picodollars, tiers (length:rates), service tiers (name:rates)
"""

# Dollars per million tokens to picodollars per token, and dollars per unit to picodollars per unit.
PICOS_PER_TOKEN = Decimal(10**6)
PICOS_PER_UNIT = Decimal(10**12)

# Source name -> our name, in the order in which they are written. `cache_read_audio` is left out: cached
# audio is counted among the cached tokens.
TOKENS = {
    "input": "input",
    "output": "output",
    "cache_read": "cache_read",
    "cache_write": "cache_write",
    "cache_write_1h": "cache_write_1h",
    "reasoning": "reasoning",
    "input_audio": "audio_input",
    "output_audio": "audio_output",
    "input_image": "image_input",
    "output_image": "image_output",
}


def picos(dollars, factor):
    return int((Decimal(dollars) * factor).quantize(Decimal(1), rounding=ROUND_HALF_EVEN))


def token_rates(prices):
    return {ours: picos(prices[name], PICOS_PER_TOKEN) for name, ours in TOKENS.items() if name in prices}


def unit_rates(row, tokens):
    """The unit prices that add to the token prices.

    Where the source gives both for the same thing they are alternatives, and a bill would charge it twice;
    the tokens win, for providers report them.
    """
    prices = {name: picos(price, PICOS_PER_UNIT) for name, price in row.get("usd_per_unit", {}).items()}
    has_tokens = any(tokens.values())
    rates = {}
    # An image that comes out, or one that goes in where only that is priced: embeddings, and image models
    # whose source names the finished image so. Beside seconds it is a surcharge for a first frame, no image made.
    image = prices.get("per_image_output") or prices.get("per_image_input")
    seconds = [prices[name] for name in ("per_second_input", "per_second_output") if name in prices]
    if image is not None and not seconds and not tokens.get("output") and not tokens.get("image_output"):
        rates["image"] = image
    # In and out are one length of sound or film; the side that is not charged is written as nothing.
    if seconds and not has_tokens:
        rates["second"] = max(seconds)
    if "per_character_input" in prices and not has_tokens:
        rates["character"] = prices["per_character_input"]
    # A search within a call, at the size that providers use when none is asked for.
    searches = row.get("usd_per_web_search")
    if searches:
        rates["search"] = picos(searches.get("medium") or max(searches.values(), key=Decimal), PICOS_PER_UNIT)
    if "per_page" in prices and not has_tokens:
        rates["page"] = prices["per_page"]
    # Where the query is the call itself (rerank, search) it is due once per request.
    if "per_query" in prices:
        rates["request"] = prices["per_query"]
    return rates


def listed(rates):
    return ",".join(f"{name}={rate}" for name, rate in rates.items())


def line(row):
    """A model's line, or nothing for a row that is none: without a mode, or without a price of its own."""
    tokens = token_rates(row.get("usd_per_million_tokens", {}))
    units = unit_rates(row, tokens)
    if not row.get("mode") or not tokens and set(units) <= {"search"}:
        return None
    tiers = sorted((t["tokens"], token_rates(t["usd_per_million_tokens"])) for t in row.get("above_input_tokens", []))
    services = sorted((name, token_rates(prices)) for name, prices in row.get("service_tiers", {}).items())
    fields = [
        row["id"],
        row["provider"] or "",
        row["mode"],
        str(row.get("max_input_tokens") or ""),
        str(row.get("max_output_tokens") or ""),
        listed(tokens | units),
        ";".join(f"{above}:{listed(rates)}" for above, rates in tiers if rates),
        ";".join(f"{name}:{listed(rates)}" for name, rates in services if rates),
    ]
    if any(c in field for field in fields for c in "\t\r\n"):
        raise SystemExit(f"{row['id']!r}: a tab or line end in a field")
    return "\t".join(fields)


def main():
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as source:
        rows = [json.loads(row) for row in source if row.strip()]
    # Sorted by the bytes of the id, as the reader expects it.
    rows.sort(key=lambda row: row["id"].encode())
    lines = [made for row in rows if (made := line(row)) is not None]
    text = HEADER + "".join(made + "\n" for made in lines)
    sys.stdout.buffer.write(text.encode())


if __name__ == "__main__":
    main()
