"""Link the first mention of a term, on each page of the weeks, to its entry in the glossary.

A mention is a whole word of the running text: a paragraph, or a point of a list. Headings, links, code, formulas,
tables, captions, exercises and what is folded away have none. A term is found in the singular and the plural, with a
small or a capital first letter; of two terms that begin at one place, the longer one. A term that ends in brackets, as
"step (of training)", is a common word of other meanings too, and is never linked.

Which mentions become links: the entry of a term leads to the page that builds it. That page explains it, so the term is
linked from all pages but that one. More than LIMIT links would make a page restless. Then those stay whose terms are
built in the latest weeks: a reader knows least what comes last, and meets the words of week 1 on every page.
"""

import functools
import re
from typing import NamedTuple

from docutils import nodes
from sphinx import addnodes

GLOSSARY = "chapters/reference/glossary"
PAGES = "chapters/week"
LIMIT = 12
# A text is linked if everything around it is of these kinds.
BODY = (nodes.document, nodes.section, nodes.paragraph, nodes.bullet_list, nodes.enumerated_list, nodes.list_item,
        nodes.block_quote, nodes.strong, nodes.emphasis)


class Term(NamedTuple):
    name: str
    anchor: str                  # its entry in the glossary, which other terms may share
    home: str                    # the page that builds it, or "" if the entry names none

    @property
    def week(self):
        return self.home.rpartition("/")[0]


class Mention(NamedTuple):
    text: nodes.Text
    start: int
    end: int
    term: Term


def plural(name):
    if name.endswith("ix"):
        return name[:-2] + "ices"
    if re.search(r"[^aeiou]y$", name):
        return name[:-1] + "ies"
    return name + ("es" if re.search(r"(s|x|ch|sh)$", name) else "s")


def forms(name):
    """The ways in which a term is written in a text."""
    if name.endswith(")"):
        return []
    return [first + form[1:] for form in (name, plural(name)) for first in (form[0].lower(), form[0].upper())]


def find_mentions(doctree, terms, docname):
    """The first mention of each term that another page builds, in reading order."""
    written = {form: term for term in terms for form in forms(term.name)}
    if not written:
        return []
    longest_first = sorted(written, key=len, reverse=True)
    words = "|".join(re.escape(form).replace(r"\ ", r"\s+") for form in longest_first)
    pattern = re.compile(rf"(?<![\w-])(?:{words})(?![\w-])")
    found = {}
    for text in doctree.findall(nodes.Text):
        if all(isinstance(node, BODY) for node in ancestors(text)):
            for match in pattern.finditer(text):
                term = written[" ".join(match[0].split())]
                if term.home != docname:
                    found.setdefault(term.anchor, Mention(text, match.start(), match.end(), term))
    return list(found.values())


def ancestors(node):
    while node.parent is not None:
        node = node.parent
        yield node


def choose(mentions, limit=LIMIT):
    """Those of the latest weeks; within a week, those that come first on the page."""
    return sorted(mentions, key=lambda mention: mention.term.week, reverse=True)[:limit]


def link(mentions, uri):
    """Put a reference in the place of each mention; uri is the glossary's, as seen from the page."""
    pieces = {}                                          # of each text, its parts; the last is what is not yet cut
    for text, start, end, term in sorted(mentions, key=lambda mention: mention.start):
        *done, rest = pieces.get(text, [text])
        cut = len(text) - len(rest)                      # where the rest begins
        reference = nodes.reference("", text[start:end], refuri=f"{uri}#{term.anchor}", internal=True,
                                    classes=["glossary-term"])
        pieces[text] = [*done, nodes.Text(rest[:start - cut]), reference, nodes.Text(rest[end - cut:])]
    for text, parts in pieces.items():
        text.parent.replace(text, [part for part in parts if part.astext()])


@functools.cache
def terms_of(env):
    """The glossary's terms. The first link of an entry leads to a label, and so to the page that builds the term."""
    labels, terms = env.get_domain("std").anonlabels, []
    for entry in env.get_doctree(GLOSSARY).findall(nodes.definition_list_item):
        targets = [node["reftarget"] for node in entry.findall(addnodes.pending_xref)]
        home = labels.get(targets[0], [""])[0] if targets else ""
        names = list(entry.findall(nodes.term))
        terms += [Term(name.astext(), names[0]["ids"][0], home) for name in names]
    return terms


def link_page(app, doctree, docname):
    if docname.startswith(PAGES) and GLOSSARY in app.env.found_docs:
        mentions = choose(find_mentions(doctree, terms_of(app.env), docname))
        link(mentions, app.builder.get_relative_uri(docname, GLOSSARY))


def pages_to_renew(app, env, added, changed, removed):
    """After a change of the glossary, the links of all pages."""
    return [name for name in env.found_docs if name.startswith(PAGES)] if GLOSSARY in added | changed else []


def setup(app):
    app.connect("env-get-outdated", pages_to_renew)
    app.connect("doctree-resolved", link_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
