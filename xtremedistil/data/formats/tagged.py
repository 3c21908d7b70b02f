"""The published implementation's TSV: `text<TAB>tags`, one sentence a line."""

from collections.abc import Iterator

from xtremedistil.data.formats import names
from xtremedistil.data.formats.example import ASK_FOR_CLASSES, Example, Rules
from xtremedistil.data.formats.head import LANGUAGE_PREFIX, Head
from xtremedistil.data.lines import line_error, read_lines


def recognise(head: Head) -> bool:
    """Whether a file holds a sentence and its tags a line."""
    sentences = head.has_several_tags and not head.has_blank
    return sentences and (head.is_tagged or not head.unlabeled)


def read(path: str, language: str, rules: Rules) -> Iterator[Example]:
    """Sentences; tags may carry `lang:` prefixes, and a first line may name the columns."""
    for number, line in read_lines(path):
        if not line:
            continue
        columns = line.split("\t")
        if len(columns) != 2:
            rule = f"{len(columns)} columns. Each line is `text<TAB>tags`."
            raise line_error(path, number, rule, line=line)
        if number == 1 and _is_header(columns):
            continue
        yield _sentence(path, number, *columns, language)


def _is_header(columns: list[str]) -> bool:
    text = names.TEXT_NAMES | names.TOKEN_NAMES
    return names.is_named(columns[0], text) and names.is_named(columns[1], names.TAG_NAMES)


def _sentence(path: str, number: int, text: str, tag_text: str, language: str) -> Example:
    words, tags = text.split(" "), tag_text.split(" ")
    rule = "Each line is `text<TAB>tags`, both separated by single spaces."
    if not all(word.strip() for word in words):
        raise line_error(path, number, f"an empty token (two spaces in a row?). {rule}", text=text)
    if len(words) != len(tags):
        rule = f"{len(words)} tokens but {len(tags)} tags. {rule}"
        if 1 in (len(words), len(tags)):
            rule += f" {ASK_FOR_CLASSES}"
        raise line_error(path, number, rule, text=text, tags=tag_text)
    prefixes = {match[1] if (match := LANGUAGE_PREFIX.match(tag)) else "" for tag in tags}
    if len(prefixes) > 1:
        raise line_error(
            path, number, "tags of one sentence must name one language.", tags=tag_text
        )
    found = prefixes.pop()
    if found:
        tags = [tag[len(found) + 1 :] for tag in tags]
    return Example(words, tags, found or language, path, number)
