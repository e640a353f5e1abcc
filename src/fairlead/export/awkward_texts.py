"""Texts as people and programs write them, made up on the spot."""

from __future__ import annotations

_LETTERS = "I apply for the post of a gardener. I have worked at a nursery for four years and can start in May."


def awkward_texts() -> dict[str, str]:
    """Returns texts that a tokenizer may cut in more than one way, by a telling name: no one's own words.

    Accents in both forms, scripts of several directions, emoji that are joined, control characters, half a surrogate
    pair, special tokens written out, words and texts far longer than what is read.

    Examples:
        >>> texts = awkward_texts()
        >>> len(texts) >= 20, texts["plain"][:7]
        (True, 'I apply')
    """
    return golden_texts() | {
        "half a surrogate pair": "good \ud83d bye",
        "null": "a\x00b c\x00",
        "a megabyte": "word " * 200_000,
        "one word of a megabyte": "x" * 1_000_000,
        "a megabyte of marks": "?!" * 500_000,
    }


def golden_texts() -> dict[str, str]:
    """Returns those of the awkward texts that any JSON file can hold, none of them long.

    Examples:
        >>> max(len(text) for text in golden_texts().values()) < 4000
        True
    """
    return {
        "plain": _LETTERS,
        "one letter": "a",
        "one mark": "?",
        "capitals": _LETTERS.upper(),
        "composed accents": "\u00e9\u00e8\u00f1\u00fc caf\u00e9 na\u00efve",
        "combining accents": "e\u0301e\u0300n\u0303u\u0308 cafe\u0301",
        "ligatures": "\ufb01ne \ufb02ow o\ufb03ce \u00c6on \u00df",
        "joined emoji": "fine \U0001f469\u200d\U0001f467 \U0001f1eb\U0001f1f7 \U0001f44d\U0001f3fd",
        "right to left": "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627 good",
        "without spaces": "\u4f60\u597d\u4e16\u754c\u3053\u3093\u306b\u3061\u306f",
        "devanagari": "\u0928\u092e\u0938\u094d\u0924\u0947 \u0926\u0941\u0928\u093f\u092f\u093e",
        "invisible": "zero\u200bwidth \ufeffmark \u00adsoft\u2060join",
        "control characters": "bell\x07 escape\x1b[31m tab\t",
        "line ends": "one\ntwo\r\nthree\rfour\u2028five",
        "blanks": "  wide   spaces\u00a0\u3000here  ",
        "special tokens": "[CLS] [SEP] [PAD] [MASK] <s> </s> <pad> <mask> <unk> [UNK]",
        "numbers": "3.14159 1,000,000 -5e-324 0x1F 12:30 2026-11-28",
        "addresses": "https://example.org/a?b=c&d=e#f someone@example.org @name #tag",
        "markup": "<b>bold</b> &amp; <script>alert(1)</script> {{x}} %s $HOME",
        "a word of two hundred letters": "incomprehensibility" * 10 + " ends here",
        "longer than is read": _LETTERS * 30,
    }
