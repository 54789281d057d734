#!/usr/bin/env python3
"""Makes the workbooks of the second part of README.md: one hazard each.

Needs nothing but Python. Parts are stored, not compressed, and without times, so that every run gives the same bytes.
What an import of each must give is in README.md, worked out by hand.
"""
import os
import struct
import zipfile
from xml.sax.saxutils import escape

os.chdir(os.path.dirname(os.path.abspath(__file__)))

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
STRICT_MAIN = "http://purl.oclc.org/ooxml/spreadsheetml/main"
STRICT_OFFICE = "http://purl.oclc.org/ooxml/officeDocument/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"
XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'


def package(file, parts):
    """Writes parts into a zip file, in their order and without anything of this machine."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as target:
        for name, content in parts.items():
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.create_system = 0
            entry.external_attr = 0
            target.writestr(entry, content)


def letters(column):
    text = ""
    while column >= 0:
        text = chr(ord("A") + column % 26) + text
        column = column // 26 - 1
    return text


class N:
    """A number with a number format."""

    def __init__(self, value, code):
        self.value, self.code = value, code


class Raw:
    """The attributes behind the address and the content of a cell, as they stand in the part."""

    def __init__(self, attributes, content=""):
        self.attributes, self.content = attributes, content


class Error(str):
    """An error by its name."""


BLANK = Raw('s="1"')


def cell_xml(row, column, value, codes):
    address = f"{letters(column)}{row}"
    if isinstance(value, Raw):
        return f'<c r="{address}" {value.attributes}>{value.content}</c>'
    if isinstance(value, N):
        return f'<c r="{address}" s="{codes.index(value.code) + 1}"><v>{value.value!r}</v></c>'
    if isinstance(value, bool):
        return f'<c r="{address}" t="b"><v>{int(value)}</v></c>'
    if isinstance(value, Error):
        return f'<c r="{address}" t="e"><v>{value}</v></c>'
    if isinstance(value, str):
        return f'<c r="{address}" t="inlineStr"><is><t xml:space="preserve">{escape(value)}</t></is></c>'
    return f'<c r="{address}"><v>{value!r}</v></c>'


def data_xml(rows, codes, row_attributes=None):
    """sheetData of rows, a list from row 1 or a dictionary by row numbers."""
    rows = rows if isinstance(rows, dict) else dict(enumerate(rows, 1))
    out = []
    for row, values in rows.items():
        cells = "".join(cell_xml(row, column, value, codes) for column, value in enumerate(values) if value is not None)
        attributes = (row_attributes or {}).get(row, "")
        out.append(f'<row r="{row}"{attributes}>{cells}</row>')
    return f"<sheetData>{''.join(out)}</sheetData>"


def sheet_xml(data, before="", after=""):
    return f'{XML}<worksheet xmlns="{MAIN}" xmlns:r="{OFFICE}">{before}{data}{after}</worksheet>'


def styles_xml(codes):
    formats = "".join(f'<numFmt numFmtId="{164 + i}" formatCode="{escape(code, {chr(34): "&quot;"})}"/>'
                      for i, code in enumerate(codes))
    xfs = "".join(f'<xf numFmtId="{164 + i}" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
                  for i in range(len(codes)))
    formats = f'<numFmts count="{len(codes)}">{formats}</numFmts>' if codes else ""
    return (f'{XML}<styleSheet xmlns="{MAIN}">{formats}<fonts count="1"><font/></fonts><fills count="1"><fill/></fills>'
            '<borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs>'
            f'<cellXfs count="{len(codes) + 2}"><xf xfId="0"/>{xfs}<xf xfId="0"/></cellXfs></styleSheet>')


def relationships(parts):
    return f'{XML}<Relationships xmlns="{PACKAGE}">' + "".join(
        f'<Relationship Id="{name}" Type="{kind}" Target="{target}"/>' for name, kind, target in parts) + "</Relationships>"


def xlsx(file, sheets, codes=(), shared=None, names="", book="xl/workbook.xml", extra=None, strict=False, missing=()):
    """An xlsx of sheets: their names, parts, and what else the workbook says about each."""
    office = STRICT_OFFICE if strict else OFFICE
    folder = book.rsplit("/", 1)[0]
    listed = "".join(f'<sheet name="{escape(name)}" sheetId="{i}"{state} r:id="rId{i}"/>'
                     for i, (name, _, state) in enumerate(sheets, 1))
    related = [(f"rId{i}", f"{office}/worksheet", f"worksheets/sheet{i}.xml") for i in range(1, len(sheets) + 1)]
    related.append(("rIdStyles", f"{office}/styles", "styles.xml"))
    parts = {"[Content_Types].xml": "", "_rels/.rels": relationships([("rId1", f"{office}/officeDocument", book)])}
    parts[book] = (f'{XML}<workbook xmlns="{STRICT_MAIN if strict else MAIN}" xmlns:r="{office}"'
                   f'{" conformance=" + chr(34) + "strict" + chr(34) if strict else ""}>'
                   f"<sheets>{listed}</sheets>{names}</workbook>")
    parts[f"{folder}/_rels/{book.rsplit('/', 1)[1]}.rels"] = ""
    parts[f"{folder}/styles.xml"] = styles_xml(list(codes)).replace(MAIN, STRICT_MAIN if strict else MAIN)
    for i, (_, content, _) in enumerate(sheets, 1):
        if i not in missing:
            parts[f"{folder}/worksheets/sheet{i}.xml"] = content
    if shared is not None:
        parts[f"{folder}/sharedStrings.xml"] = f'{XML}<sst xmlns="{MAIN}">{shared}</sst>'
        related.append(("rIdStrings", f"{office}/sharedStrings", "sharedStrings.xml"))
    parts.update(extra or {})
    parts[f"{folder}/_rels/{book.rsplit('/', 1)[1]}.rels"] = relationships(related)
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    overrides = {book: "sheet.main", f"{folder}/styles.xml": "styles", f"{folder}/sharedStrings.xml": "sharedStrings"}
    overrides.update({f"{folder}/worksheets/sheet{i}.xml": "worksheet" for i in range(1, len(sheets) + 1)})
    parts["[Content_Types].xml"] = (
        f'{XML}<Types xmlns="{TYPES}"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" '
        'ContentType="application/xml"/>' + "".join(
            f'<Override PartName="/{part}" ContentType="{kind}.{name}+xml"/>'
            for part, name in overrides.items() if part in parts) + "</Types>")
    package(file, parts)


def simple(file, rows, codes=(), before="", after="", row_attributes=None, **options):
    """An xlsx of one sheet, Data."""
    codes = list(codes)
    xlsx(file, [("Data", sheet_xml(data_xml(rows, codes, row_attributes), before, after), "")], codes, **options)


DAY, MOMENT = "yyyy-mm-dd", "yyyy-mm-dd hh:mm:ss"


def dates_and_numbers():
    simple("dates-1900.xlsx", [["Day", "Phantom", "Negative"]] + [
        [N(a, DAY), N(b, DAY), N(c, DAY)] for a, b, c in [(1, 59, 45351), (59, 60, -1), (61, 61, 1)]], [DAY])
    simple("leading-zeros.xlsx", [["Code", "Zip", "Ref"]] + [
        [N(a, "00000"), N(b, "00000-0000"), c] for a, b, c in
        [(42, 12345678, "007"), (7, 1, "000"), (99999, 987654321, "+1")]], ["00000", "00000-0000"])
    simple("long-ids.xlsx", [["Id", "Too Long", "As Text"],
                             [1234567890123456, Raw("", "<v>12345678901234567890</v>"), "12345678901234567890"],
                             [1, 2, "00000000000000000001"]])
    money = ["0.00", '"$"#,##0.00', '_($* #,##0.00_);_($* (#,##0.00);_($* "-"??_);_(@_)', "#,##0.00\\ [$€-407]", "0%"]
    sums = [(0.1 + 0.2, -1234.5, 1e6, 0.1 + 0.7, 0.07), (1.1 + 2.2, 0.0, 0.005, 1234567.891, 1.25)]
    simple("money.xlsx", [["Fixed", "Dollars", "Accounts", "Euros", "Share", "General"]] + [
        [N(value, code) for value, code in zip(row, money)] + [row[0]] for row in sums], money)
    elapsed = ["[h]:mm", "[mm]:ss", "[h]:mm:ss.000"]
    simple("durations.xlsx", [["Hours", "Minutes", "Exact"]] + [
        [N(value, code) for value, code in zip(row, elapsed)] for row in
        [(1.25, 0.0625, 1.5 / 86400), (100.0, 2.0, 26.5 / 24 + 0.001 / 86400), (-0.5, 0, 1)]], elapsed)
    simple("times.xlsx", [["Opens", "Moment"],
                          [N(0, "h:mm"), N(45351, MOMENT)],
                          [N(0.75, "h:mm"), N(45351.99999999999, MOMENT)],
                          [N(0.5 + 1 / 86400, "h:mm"), N(45351.00001157407, MOMENT)],
                          [N(86399.5 / 86400, "h:mm"), N(45351 + 37085 / 86400, MOMENT)]], ["h:mm", MOMENT])
    simple("mixed.xlsx", [["Number Or Text", "Flag Or Number", "Day Or Text", "Whole Or Not", "Day Or Moment", "Money Or Text"],
                          [1, True, N(45351, DAY), 1, N(45351, DAY), N(0.1 + 0.2, "0.00")],
                          ["two", 0, "later", 2.5, N(45351.5, MOMENT), "free"],
                          [3.5, False, N(45352, DAY), None, None, N(12.5, "0.00")]], [DAY, MOMENT, "0.00"])
    simple("words.xlsx", [["Price", "Left"], ["1.234,5", "7"], ["N/A", "-"], ["-0,5", "12"]])


def errors_and_formulas():
    names = ["#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A", "#GETTING_DATA"]
    simple("errors.xlsx", [["Number", "Error"]] + [[i, Error(name)] for i, name in enumerate(names, 1)] + [[9]])
    formula = lambda text, rest="", kind="": Raw(kind, f"<f>{text}</f>{rest}")
    simple("no-cached-values.xlsx", [
        ["Base", "Double", "Twice"],
        [1, formula("A2*2", "<v>2</v>"), formula("A2&amp;A2", "<v>11</v>", 't="str"')],
        [2, formula("A3*2"), formula("A3&amp;A3", "", 't="str"')],
        [3, formula("A4*2", "<v></v>"), formula("A4&amp;A4", "<v></v>", 't="str"')]])


def layout():
    merged = '<mergeCells count="3"><mergeCell ref="B1:C1"/><mergeCell ref="A3:A4"/><mergeCell ref="D1:D2"/></mergeCells>'
    simple("merged.xlsx", [["", "Sales", None, "Note"], ["Region", "Units", "Amount"], ["North", 1, 2.5, "a"],
                           [None, 3, 4.5, "b"], ["South", 5, 6.5, "c"]], after=merged)
    simple("titles-below.xlsx", {1: ["Stock of the shop"], 2: [None, "as of", N(45351, DAY)], 4: ["Item", "Count", "Price"],
                                 5: ["Tea", 3, 1.5], 6: ["Salt", 4, 0.5]}, [DAY])
    table = (f'{XML}<table xmlns="{MAIN}" id="1" name="Stock" displayName="Stock" ref="B3:C5"><tableColumns count="2">'
             '<tableColumn id="1" name="Item"/><tableColumn id="2" name="Count"/></tableColumns></table>')
    simple("ranges.xlsx", [["x", "Report", None, "y"], [1, None, None, None], [2, "Item", "Count", "far"], [3, "Tea", 7, "off"],
                           [4, "Salt", 8, "off"], [5, "Total", 15, "off"]],
           after='<tableParts count="1"><tablePart r:id="rId1"/></tableParts>',
           names='<definedNames><definedName name="Shop">Data!$B$3:$C$4</definedName></definedNames>',
           extra={"xl/worksheets/_rels/sheet1.xml.rels": relationships([("rId1", f"{OFFICE}/table", "../tables/table1.xml")]),
                  "xl/tables/table1.xml": table})
    columns = '<cols><col min="2" max="2" width="9" hidden="1" customWidth="1"/></cols>'
    shown = sheet_xml(data_xml([["Item", "Cost", "Price"], ["Tea", 1, 2], ["Salt", 3, 4], ["Oil", 5, 6]], [],
                               {3: ' hidden="1"'}), columns)
    other = sheet_xml(data_xml([["Item", "Cost", "Price"], ["Secret", 7, 8]], []))
    xlsx("hidden.xlsx", [("Shown", shown, ""), ("Hidden", other, ' state="hidden"'), ("Buried", other, ' state="veryHidden"')])
    january = sheet_xml(data_xml([["Item", "Count"], ["Tea", 1], ["Salt", 2]], []))
    february = sheet_xml(data_xml([["Count", "Item"], [2.5, "Oil"]], []))
    titles = sheet_xml(data_xml([["Item", "Count"]], []))
    xlsx("several-sheets.xlsx", [("January", january, ""), ("Empty", sheet_xml("<sheetData/>"), ""), ("Titles", titles, ""),
                                 ("February", february, "")])
    simple("blank-rows.xlsx", {1: ["Item", "Count"], 2: ["Tea", 1], 3: [BLANK, BLANK], 5: ["Salt", 2], 6: [BLANK, BLANK],
                               900: [BLANK, BLANK]}, [DAY])
    simple("titles.xlsx", [["Name", "name", "", None, " Unit Price (€) ", 2024, N(45351, DAY), "x" * 70, "Größe"],
                           [1, 2, 3, 4, 5, 6, 7, 8, 9]], [DAY])
    simple("wide.xlsx", {1: ["A"] + [None] * 16382 + ["XFD"], 2: [1] + [None] * 16382 + [2]})


def notation():
    package_rows = ("<sheetData><row>" + "".join(
        f'<c t="inlineStr"><is><t>{t}</t></is></c>' for t in ("Item", "Count", "Price"))
        + '</row><row><c t="inlineStr"><is><t>Tea</t></is></c><c><v>1</v></c><c><v>2.5</v></c></row>'
        '<row r="5"><c r="B5"><v>2</v></c><c><v>3.5</v></c></row></sheetData>')
    xlsx("no-references.xlsx", [("Data", sheet_xml(package_rows), "")])
    simple("lying-dimension.xlsx", [["Item", "Count"], ["Tea", 1], ["Salt", 2]], before='<dimension ref="A1"/>')
    simple("huge-dimension.xlsx", [["Item", "Count"], ["Tea", 1]], before='<dimension ref="A1:XFD1048576"/>')
    plain = data_xml([["Item", "Count"], ["Tea", 1]], [])
    prefixed = plain.replace("</", "</x:").replace("<", "<x:").replace("<x:/x:", "</x:")
    xlsx("prefixed.xlsx", [("Data", f'{XML}<x:worksheet xmlns:x="{MAIN}">{prefixed}</x:worksheet>', "")])
    iso = lambda text: Raw('t="d"', f"<v>{text}</v>")
    rows = [["Day", "Moment", "Opens"], [iso("2024-02-29"), iso("2024-02-29T13:45:30.5"), iso("08:30:00")],
            [iso("1900-02-28"), iso("2024-02-29T13:45:30Z"), iso("23:59:59")]]
    data = data_xml(rows, [])
    simple("iso-dates.xlsx", rows)
    xlsx("strict.xlsx", [("Data", f'{XML}<worksheet xmlns="{STRICT_MAIN}">{data}</worksheet>', "")], strict=True)
    shared = ('<si><t>Text</t></si><si><r><t xml:space="preserve">rich </t></r><r><rPr><b/></rPr><t xml:space="preserve">text</t></r></si>'
              '<si><t>東京</t><rPh sb="0" eb="2"><t>トウキョウ</t></rPh><phoneticPr fontId="1"/></si>'
              '<si><t>two_x000D__x000A_lines</t></si><si><t>_x005F_x0041_</t></si><si><t xml:space="preserve">  kept  </t></si>'
              "<si><t>  trimmed  </t></si><si><t/></si>")
    string = lambda index: Raw('t="s"', f"<v>{index}</v>")
    rich = Raw('t="inlineStr"', "<is><r><t>in</t></r><r><t>line</t></r><rPh sb=\"0\" eb=\"1\"><t>no</t></rPh></is>")
    simple("texts.xlsx", [[string(0)], [string(1)], [string(2)], [string(3)], [string(4)], [string(5)], [string(6)],
                          [string(" 1 ")], [rich], ["a\tb"]], shared=shared)
    simple("control-characters.xlsx", [["Text"], ["_x0001_"], ["a_x0000_b"], ["c"]])
    utf16 = sheet_xml(plain).replace('encoding="UTF-8"', 'encoding="UTF-16"')
    xlsx("utf-16.xlsx", [("Data", b"\xff\xfe" + utf16.encode("utf-16-le"), "")])
    simple("elsewhere.xlsx", [["Item", "Count"], ["Tea", 1]], book="book/main.xml")
    xlsx("missing-part.xlsx", [("Data", sheet_xml(plain), ""), ("Lost", "", "")], missing=(2,))


# [MS-XLSB] 2.1.4: a type and a length of seven bits a byte, then the body.
def record(kind, body=b""):
    head = bytes([kind]) if kind < 0x80 else bytes([kind & 0x7F | 0x80, kind >> 7])
    size, length = len(body), b""
    while size >= 0x80:
        length += bytes([size & 0x7F | 0x80])
        size >>= 7
    return head + length + bytes([size]) + body


def wide(text):
    units = text.encode("utf-16-le")
    return struct.pack("<I", len(units) // 2) + units


def results_xlsb():
    """Results of formulas: an error, a text, a truth, a number; and a text with runs of fonts in its cell."""
    row = lambda number: record(0x00, struct.pack("<IIHBBBI", number, 0, 300, 0, 0, 0, 0))
    head = lambda column: struct.pack("<II", column, 0)
    formula = struct.pack("<HII", 0, 0, 0)  # no flags, no tokens
    text = lambda column, words: record(0x06, head(column) + wide(words))
    rich = record(0x3E, head(0) + b"\x01" + wide("rich text") + struct.pack("<IHH", 1, 5, 0))
    sheet = (record(0x81) + record(0x94, struct.pack("<4I", 0, 2, 0, 3)) + record(0x91)
             + row(0) + b"".join(text(i, words) for i, words in enumerate(["Text", "Error", "Truth", "Sum"]))
             + row(1) + rich + record(0x0B, head(1) + b"\x07" + formula) + record(0x0A, head(2) + b"\x01" + formula)
             + record(0x09, head(3) + struct.pack("<d", 0.1 + 0.2) + formula)
             + row(2) + record(0x08, head(0) + wide("result") + formula) + record(0x03, head(1) + b"\x2a")
             + record(0x04, head(2) + b"\x00") + record(0x02, head(3) + struct.pack("<i", 7 << 2 | 2))
             + record(0x92) + record(0x82))
    book = (record(0x83) + record(0x8F) + record(0x9C, struct.pack("<II", 0, 1) + wide("rId1") + wide("Data"))
            + record(0x90) + record(0x84))
    types = (f'{XML}<Types xmlns="{TYPES}"><Default Extension="rels" '
             'ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="bin" '
             'ContentType="application/vnd.ms-excel.sheet.binary.macroEnabled.main"/><Override '
             'PartName="/xl/worksheets/sheet1.bin" ContentType="application/vnd.ms-excel.worksheet"/></Types>')
    package("results.xlsb", {
        "[Content_Types].xml": types,
        "_rels/.rels": relationships([("rId1", f"{OFFICE}/officeDocument", "xl/workbook.bin")]),
        "xl/workbook.bin": book,
        "xl/_rels/workbook.bin.rels": relationships([("rId1", f"{OFFICE}/worksheet", "worksheets/sheet1.bin")]),
        "xl/worksheets/sheet1.bin": sheet,
    })


# [MS-XLS] 2.1.4: a type, a length, the body.
def biff(kind, body=b""):
    return struct.pack("<HH", kind, len(body)) + body


def compound_file(file, name, stream):
    """[MS-CFB]: a header, one sector of the allocation table, one of the directory, and the stream."""
    stream = stream.ljust(4096, b"\0")  # shorter ones would need a second, finer table
    stream = stream.ljust(-(-len(stream) // 512) * 512, b"\0")
    sectors = len(stream) // 512
    free, end = 0xFFFFFFFF, 0xFFFFFFFE
    table = [0xFFFFFFFD, end] + [2 + i + 1 for i in range(sectors - 1)] + [end]
    header = (bytes.fromhex("d0cf11e0a1b11ae1") + bytes(16) + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
              + struct.pack("<IIIIIIIII", 0, 1, 1, 0, 4096, end, 0, end, 0) + struct.pack("<109I", 0, *[free] * 108))

    def entry(name, kind, child, start, size):
        units = (name + "\0").encode("utf-16-le") if name else b""
        return (units.ljust(64, b"\0") + struct.pack("<HBBIII", len(units), kind, 1, free, free, child) + bytes(36)
                + struct.pack("<IQ", start, size))

    directory = entry("Root Entry", 5, 1, end, 0) + entry(name, 2, free, 2, len(stream)) + entry("", 0, free, 0, 0) * 2
    with open(file, "wb") as target:
        target.write(header + struct.pack("<128I", *table, *[free] * (128 - len(table))) + directory + stream)


def results_xls():
    """BIFF8, with results of formulas: a text, an empty one, an error, a truth; and a number in 30 bits."""
    short = lambda text: struct.pack("<HB", len(text), 1) + text.encode("utf-16-le")
    head = lambda row, column: struct.pack("<HHH", row, column, 0)
    formula = lambda row, column, result: biff(0x06, head(row, column) + result + struct.pack("<HIH", 0, 0, 0))
    special = lambda kind, value=0: struct.pack("<BBBBHH", kind, 0, value, 0, 0, 0xFFFF)
    label = lambda row, column, text: biff(0x204, head(row, column) + short(text))
    book = biff(0x809, struct.pack("<HHHHII", 0x600, 5, 0, 0, 0, 0)) + biff(0x42, struct.pack("<H", 1200))
    xf = biff(0xE0, struct.pack("<HHH", 0, 0, 0) + bytes(14))
    sheet = (biff(0x809, struct.pack("<HHHHII", 0x600, 0x10, 0, 0, 0, 0))
             + b"".join(label(0, i, words) for i, words in enumerate(["Text", "Value", "Number"]))
             + formula(1, 0, special(0)) + biff(0x207, short("Ωmega")) + formula(1, 1, special(2, 0x07))
             + biff(0x27E, head(1, 2) + struct.pack("<i", 1250 << 2 | 3))
             + formula(2, 0, special(3)) + formula(2, 1, special(1, 1)) + biff(0x203, head(2, 2) + struct.pack("<d", 1e-7))
             + biff(0x0A))
    start = len(book) + len(xf) + len(biff(0x85, struct.pack("<IBBBB", 0, 0, 0, 4, 0) + b"Data")) + len(biff(0x0A))
    book += xf + biff(0x85, struct.pack("<IBBBB", start, 0, 0, 4, 0) + b"Data") + biff(0x0A)
    compound_file("results.xls", "Workbook", book + sheet)


def biff5_xls():
    """BIFF5, as Excel 95 writes it: texts in a code page, formats with lengths of one byte."""
    head = lambda row, column, style=0: struct.pack("<HHH", row, column, style)
    label = lambda row, column, text: biff(0x204, head(row, column) + struct.pack("<H", len(text)) + text.encode("cp1251"))
    book = biff(0x809, struct.pack("<HHHH", 0x500, 5, 0, 0)) + biff(0x42, struct.pack("<H", 1251))
    for number, code in enumerate([b"[h]:mm", b"yyyy-mm-dd"]):
        book += biff(0x41E, struct.pack("<HB", 164 + number, len(code)) + code)
    for code in (0, 164, 165):
        book += biff(0xE0, struct.pack("<HHH", 0, code, 0) + bytes(10))
    sheet = (biff(0x809, struct.pack("<HHHH", 0x500, 0x10, 0, 0))
             + b"".join(label(0, i, words) for i, words in enumerate(["Name", "Took", "Day"]))
             + label(1, 0, "Чай") + biff(0x203, head(1, 1, 1) + struct.pack("<d", 1.25))
             + biff(0x203, head(1, 2, 2) + struct.pack("<d", 35064.0)) + biff(0x0A))
    start = len(book) + len(biff(0x85, struct.pack("<IBBB", 0, 0, 0, 4) + b"Data")) + len(biff(0x0A))
    book += biff(0x85, struct.pack("<IBBB", start, 0, 0, 4) + b"Data") + biff(0x0A)
    compound_file("biff5.xls", "Book", book + sheet)


def repeats_ods():
    """Repeated cells and rows, white space, percent, currency, and a sheet's empty rest."""
    spaces = {name: f"urn:oasis:names:tc:opendocument:xmlns:{urn}:1.0" for name, urn in
              {"office": "office", "table": "table", "text": "text", "style": "style", "number": "datastyle"}.items()}
    text = lambda words, n=1: (f'<table:table-cell office:value-type="string" table:number-columns-repeated="{n}">'
                               f"<text:p>{words}</text:p></table:table-cell>")
    value = lambda kind, number, shown, more="": (f'<table:table-cell office:value-type="{kind}" office:value="{number}"'
                                                  f'{more}><text:p>{shown}</text:p></table:table-cell>')
    rest = '<table:table-cell table:number-columns-repeated="1019"/>'
    row = lambda cells, n=1: f'<table:table-row table:number-rows-repeated="{n}">{cells}{rest}</table:table-row>'
    rows = (row(text("Text") + text("Same") + text("Same") + text("Share") + text("Price"))
            + row(text('a<text:s text:c="2"/>b\n   c') + text("x", 2) + value("percentage", "0.07", "7%")
                  + value("currency", "12.5", "12.50 €", ' office:currency="EUR"'), 2)
            + row('<table:table-cell table:number-columns-repeated="5"/>', 3)
            + row(text("last<text:line-break/>line<text:tab/>end") + text("y") + text("z") + value("percentage", "1.25", "125%")
                  + value("currency", "-3", "-3.00 €", ' office:currency="EUR"'))
            + row('<table:table-cell table:number-columns-repeated="5"/>', 1048569))
    content = ('<?xml version="1.0" encoding="UTF-8"?>\n<office:document-content '
               + " ".join(f'xmlns:{name}="{urn}"' for name, urn in spaces.items())
               + ' office:version="1.3"><office:body><office:spreadsheet><table:table table:name="Data">'
               + rows + "</table:table></office:spreadsheet></office:body></office:document-content>")
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    manifest = ('<?xml version="1.0" encoding="UTF-8"?>\n<manifest:manifest '
                'xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0" manifest:version="1.3">'
                f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{kind}"/>'
                '<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/></manifest:manifest>')
    package("repeats.ods", {"mimetype": kind, "content.xml": content, "META-INF/manifest.xml": manifest})


dates_and_numbers()
errors_and_formulas()
layout()
notation()
results_xlsb()
results_xls()
biff5_xls()
repeats_ods()
