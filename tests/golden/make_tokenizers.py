"""Makes the golden ids of every kind of tokenizer: tiny ones, trained on the sample corpus, and
what the reference implementations make of 60 words and of strings that break tokenizers.

There are two references, since they differ: `tokenizers` reads `tokenizer.json`, `sentencepiece`
reads the model file that the former was converted from. Each word is tokenized by itself. Run as
make.py says, in the same environment:

    python tests/golden/make_tokenizers.py

The committed files are of sentencepiece 0.2.0, tokenizers 0.23.3, transformers 5.24.0;
`golden.json` repeats the versions. README.md says what each folder and field is.

SentencePiece's usual table of normalization is 240 kB. A table of its own kind, made here of a few
ranges of Unicode, keeps the folders small and is applied by the same code.
"""

import io
import json
import lzma
import os
import pathlib
import shutil
import unicodedata
from collections.abc import Iterator

import numpy as np
import sentencepiece
import tokenizers
import transformers
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers.convert_slow_tokenizer import DebertaV2Converter, generate_merges

HERE = pathlib.Path(__file__).parent
CORPUS = HERE.parent.parent / "xtremedistil" / "data" / "sample" / "corpus"
SEED = 20200705
UNIGRAM_SIZE = 400
# 256 bytes and 130 characters leave few merges below this.
BPE_SIZE = 600
TRAINED_ON = ("en", "fr", "vi", "ru")
SENTENCES = 80
# 36 words of the languages trained on, 24 in scripts of which the vocabularies know little.
WORDS = dict.fromkeys(TRAINED_ON, 9) | dict.fromkeys(("de", "tr", "el", "ar", "he", "hi"), 4)
ADDED = "<ent>"
HOSTILE = (
    "Be\u0323\u0302nh",  # Vietnamese, all of it decomposed
    "Bệ\u0301nh\u0323",  # accents on a composed letter, and on one that takes none
    "Z\u0334\u0327\u0351a\u0338l\u0489go",  # stacked accents
    "क्\u200dष\u200cत्र",  # joiner and non-joiner
    "\u200b",  # nothing that shows
    "Ber\u200blin",
    "\ufeffRoma\ufffd",
    "👍🏽",
    "👩\u200d👩\u200d👧\u200d👦",
    "🇫🇷🇩🇪",
    "▁",
    "▁Paris▁▁Lyon",
    "<s>",
    "a<mask>b</s>",
    "[CLS]",
    f"x{ADDED}y",
    "<0x41><unk>",  # spells a byte piece
    "1234567.89",
    "北京大学",
    "شیراز\u200fשָׁלוֹם",
    "a\u0085b",
    "New\u00a0York\u3000City",
    "ＡＢＣ１２３",
    "ﬁancée",
    "ｶﾞｷﾞﾊﾟ",
    "\u1112\u1161\u11ab\uac00\u11a8",  # jamo, and a syllable with one more
    "İstanbul'dan",
    "don't",
    "𝔘𝔫𝔦№½²",
    "Constantinopolis" * 18 + "Constantinop",  # 300 characters
)


def sentences(language: str, name: str) -> list[str]:
    content = lzma.decompress((CORPUS / language / name).read_bytes())
    return content.decode("utf-8").split("\n")


def training_text() -> Iterator[str]:
    for language in TRAINED_ON:
        yield from sentences(language, "transfer.txt.xz")[:SENTENCES]


def draw_words() -> list[str]:
    """Draws words of the test sets, which no vocabulary has seen."""
    rng = np.random.default_rng(SEED)
    drawn: list[str] = []
    for language, count in WORDS.items():
        lines = sentences(language, "test.tsv.xz")
        words = sorted({line.split("\t")[0] for line in lines if line} - set(drawn))
        drawn += list(rng.choice(words, count, replace=False))
    return drawn


def normalization_rules() -> dict[str, str]:
    """NFKC for Latin, punctuation, symbols and half- and full-width forms; control characters
    vanish, and what is or looks like a space becomes one."""
    rules: dict[str, str] = {}
    ranges = ((0xA0, 0x180), (0x1EA0, 0x1EFA), (0x2000, 0x2150), (0xFB00, 0xFB07), (0xFF01, 0xFFA0))
    for character in (chr(code) for first, last in ranges for code in range(first, last)):
        composed = unicodedata.normalize("NFKC", character)
        if composed != character:
            rules[character] = composed
            continue
        parts = unicodedata.decomposition(character).split()
        if parts:
            once = "".join(chr(int(part, 16)) for part in parts)
            rules[once] = rules[unicodedata.normalize("NFD", character)] = character
    for code in (*range(1, 9), 0xB, *range(0xE, 0x20), 0x7F, 0x8F, 0x9F):
        rules[chr(code)] = ""
    for character in "\t\n\f\r\u1680\u200b\u200c\u200e\u200f\u2028\u2029\u3000▁\ufeff\ufffd":
        rules[character] = " "
    return rules


def train_sentencepiece(path: pathlib.Path, **options: object) -> None:
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=training_text(),
        model_writer=model,
        character_coverage=0.99,
        num_threads=1,
        minloglevel=2,
        **options,
    )
    path.write_bytes(model.getvalue())


def train_unigram(path: pathlib.Path, **options: object) -> None:
    table = path.with_suffix(".tsv")
    rules = sorted(normalization_rules().items())
    hexadecimal = [[" ".join(f"{ord(c):X}" for c in side) for side in rule] for rule in rules]
    table.write_text("".join("\t".join(sides) + "\n" for sides in hexadecimal), encoding="utf-8")
    options |= {
        "vocab_size": UNIGRAM_SIZE,
        "normalization_rule_tsv": os.path.relpath(table),
    }  # the model keeps this name
    train_sentencepiece(path, model_type="unigram", **options)
    table.unlink()


def train_byte_level(size: int, special: list[str]) -> models.BPE:
    """Trains a byte-level BPE.

    Args:
        size: of the vocabulary.
        special: the pieces that come first.
    """
    learner = tokenizers.Tokenizer(models.BPE())
    learner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=special,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    learner.train_from_iterator(training_text(), trainer)
    return learner.model


def surround(tokenizer: tokenizers.Tokenizer, first: str, last: str) -> None:
    markers = [(marker, tokenizer.token_to_id(marker)) for marker in (first, last)]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{first} $A {last}",
        pair=f"{first} $A {last} {last} $B {last}",
        special_tokens=markers,
    )


def special(content: str, **options: bool) -> tokenizers.AddedToken:
    return tokenizers.AddedToken(content, special=True, normalized=False, **options)


class Converted:
    """What a converter of transformers asks of the tokenizer that it converts."""

    do_lower_case = False
    split_by_punct = False
    add_prefix_space = True

    def __init__(self, model: pathlib.Path):
        self.vocab_file = str(model)

    def convert_tokens_to_ids(self, token: str) -> int:
        """The id of a piece in the model file."""
        return sentencepiece.SentencePieceProcessor(model_file=self.vocab_file).piece_to_id(token)


def unigram_xlm_roberta(folder: pathlib.Path) -> tokenizers.Tokenizer:
    train_unigram(folder / "sentencepiece.bpe.model")
    return transformers.XLMRobertaTokenizer.from_pretrained(folder).backend_tokenizer


def unigram_camembert(folder: pathlib.Path) -> tokenizers.Tokenizer:
    train_unigram(folder / "sentencepiece.bpe.model")
    return transformers.CamembertTokenizer.from_pretrained(folder).backend_tokenizer


def unigram_deberta(folder: pathlib.Path) -> tokenizers.Tokenizer:
    names = {"pad": "[PAD]", "bos": "[CLS]", "eos": "[SEP]", "unk": "[UNK]"}
    options = {f"{role}_piece": name for role, name in names.items()}
    options |= {f"{role}_id": i for i, role in enumerate(names)}
    train_unigram(folder / "spm.model", **options)
    converter = DebertaV2Converter(Converted(folder / "spm.model"))
    tokenizer = converter.converted()
    tokenizer.add_special_tokens([special(name) for name in (*names.values(), "[MASK]")])
    return tokenizer


def bytes_roberta(folder: pathlib.Path) -> tokenizers.Tokenizer:
    model = train_byte_level(BPE_SIZE - 1, ["<s>", "<pad>", "</s>", "<unk>"])
    model.save(str(folder))
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.RobertaProcessing(
        ("</s>", 2), ("<s>", 0), trim_offsets=True, add_prefix_space=False
    )
    names = ("<s>", "<pad>", "</s>", "<unk>")
    tokenizer.add_special_tokens([*map(special, names), special("<mask>", lstrip=True)])
    return tokenizer


def bytes_modernbert(folder: pathlib.Path) -> tokenizers.Tokenizer:
    tokenizer = tokenizers.Tokenizer(train_byte_level(BPE_SIZE - 6, []))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_tokens([tokenizers.AddedToken("  ", normalized=True)])
    names = ("[UNK]", "[CLS]", "[SEP]", "[PAD]")
    tokenizer.add_special_tokens([*map(special, names), special("[MASK]", lstrip=True)])
    surround(tokenizer, "[CLS]", "[SEP]")
    return tokenizer


def fallback_gemma(folder: pathlib.Path) -> tokenizers.Tokenizer:
    path = folder / "tokenizer.model"
    train_sentencepiece(
        path,
        model_type="bpe",
        vocab_size=BPE_SIZE,
        byte_fallback=True,
        normalization_rule_name="identity",
        add_dummy_prefix=False,
        remove_extra_whitespaces=False,
        split_digits=True,
        pad_id=0,
        eos_id=1,
        bos_id=2,
        unk_id=3,
        pad_piece="<pad>",
        eos_piece="<eos>",
        bos_piece="<bos>",
        user_defined_symbols=["<mask>"],
    )
    model = sentencepiece.SentencePieceProcessor(model_file=str(path))
    pieces = range(model.get_piece_size())
    vocabulary = {model.id_to_piece(i): i for i in pieces}
    scores = [(model.id_to_piece(i), model.get_score(i)) for i in pieces]
    merges = generate_merges(vocabulary, dict(scores))
    converted = transformers.GemmaTokenizer(vocab=vocabulary, merges=merges)
    surround(converted.backend_tokenizer, "<bos>", "<eos>")
    return converted.backend_tokenizer


ROBERTA = {"cls": "<s>", "sep": "</s>", "pad": "<pad>", "unk": "<unk>", "mask": "<mask>"}
BERT = {"cls": "[CLS]", "sep": "[SEP]", "pad": "[PAD]", "unk": "[UNK]", "mask": "[MASK]"}
GEMMA = ROBERTA | {"cls": "<bos>", "sep": "<eos>"}
# Who makes the folder, what the checkpoint calls its class, its markers, and from a SentencePiece
# id to the checkpoint's: the offset, where there is a model file.
TOKENIZERS = {
    "unigram-xlm-roberta": (unigram_xlm_roberta, "XLMRobertaTokenizer", ROBERTA, 1),
    "unigram-camembert": (unigram_camembert, "CamembertTokenizer", ROBERTA, 4),
    "unigram-deberta": (unigram_deberta, "DebertaV2Tokenizer", BERT, 0),
    "bytes-roberta": (bytes_roberta, "RobertaTokenizer", ROBERTA, None),
    "bytes-modernbert": (bytes_modernbert, "PreTrainedTokenizerFast", BERT, None),
    "fallback-gemma": (fallback_gemma, "GemmaTokenizer", GEMMA, 0),
}


def write_json(path: pathlib.Path, content: dict[str, object]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def golden_rows(
    tokenizer: tokenizers.Tokenizer, folder: pathlib.Path, offset: int | None, unknown: int
) -> Iterator[dict[str, object]]:
    """Yields what the references make of each text, without markers around it."""
    model = None
    if offset is not None:
        path = next(folder.glob("*.model"))
        model = sentencepiece.SentencePieceProcessor(model_file=str(path))

    def encode(text: str) -> list[int]:
        return tokenizer.encode(text, add_special_tokens=False).ids

    for text in (*draw_words(), *HOSTILE):
        row: dict[str, object] = {"text": text, "tokenizers": encode(text)}
        tokenizer.encode_special_tokens = True
        unmarked = encode(text)
        tokenizer.encode_special_tokens = False
        if unmarked != row["tokenizers"]:
            row["tokenizers_unmarked"] = unmarked
        if model is None or folder.name.startswith("fallback"):
            row["tokenizers_after_space"] = encode(f" {text}")
        if model:
            ids = model.encode(text)
            row["sentencepiece"] = [unknown if i == model.unk_id() else i + offset for i in ids]
        yield row


def make(name: str, folder: pathlib.Path) -> None:
    """Writes one folder."""
    build, class_name, roles, offset = TOKENIZERS[name]
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    tokenizer = build(folder)
    tokenizer.add_tokens([tokenizers.AddedToken(ADDED)])
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    named = {f"{role}_token": token for role, token in roles.items()}
    write_json(folder / "special_tokens_map.json", named)
    inside = set(tokenizer.get_vocab(with_added_tokens=False))
    added = {t: i for t, i in tokenizer.get_vocab().items() if t not in inside}
    write_json(folder / "added_tokens.json", dict(sorted(added.items())))
    config = {"tokenizer_class": class_name, "model_max_length": 40, **named}
    write_json(folder / "tokenizer_config.json", config)

    tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    special_ids = {role: tokenizer.token_to_id(token) for role, token in roles.items()}
    versions = {m.__name__: m.__version__ for m in (sentencepiece, tokenizers, transformers)}
    head = {"versions": versions, "special": special_ids, "size": tokenizer.get_vocab_size()}
    rows = list(golden_rows(tokenizer, folder, offset, special_ids["unk"]))
    lines = ",\n".join(f"    {json.dumps(row)}" for row in rows)
    text = json.dumps(head, indent=2).removesuffix("\n}")
    golden = f'{text},\n  "rows": [\n{lines}\n  ]\n}}\n'
    (folder / "golden.json").write_text(golden, encoding="utf-8")

    differ = sum("sentencepiece" in r and r["sentencepiece"] != r["tokenizers"] for r in rows)
    size = sum(path.stat().st_size for path in folder.iterdir())
    print(f"{name}: {size:,} bytes, the two references differ on {differ} of {len(rows)} texts")


if __name__ == "__main__":
    for name in TOKENIZERS:
        make(name, HERE / name)
