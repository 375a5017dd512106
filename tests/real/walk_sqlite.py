"""SQLite 3.40: two connections, their schemas, b-trees, page caches and statements."""
import gdb

import walk
from walk import block, chain, content, lookup, mention, number, pool, say, variable

VIEW = 2
TOKEN_ONLY, LEAF, HAS_SELECT = 0x10000, 0x800000, 0x1000
# VdbeOp.p4type
COLLATION, PROGRAM, TABLE, TEXT, KEYS, VALUE, REAL, INT64, INTS = -2, -4, -5, -6, -8, -10, -12, -13, -14


def table_at(pointer):
    t = block(pointer, lookup("Table"))
    if t is None:
        return
    content(t["zName"])
    content(t["zColAff"])
    columns = t["aCol"]
    if block(columns, shape="array") is not None:
        for i in range(int(t["nCol"])):
            content(columns[i]["zCnName"])
    for index in chain(t["pIndex"], "pNext", shape="open"):
        index_in(index)
    expressions(t["pCheck"])
    kind = int(t["eTabType"])
    if kind == 0:
        expressions(t["u"]["tab"]["pDfltList"])
        for key in chain(t["u"]["tab"]["pFKey"], "pNextFrom", shape="open"):
            mention(key["pFrom"])
    elif kind == VIEW:
        select(t["u"]["view"]["pSelect"])
    for trigger in chain(t["pTrigger"], "pNext"):
        trigger_in(trigger)
    mention(t["pSchema"])


def index_in(i):
    # its arrays stand behind it; the name, too
    mention(i["pTable"])
    content(i["zColAff"])
    expression(i["pPartIdxWhere"])
    expressions(i["aColExpr"])
    mention(i["pSchema"])


def trigger_in(g):
    content(g["zName"])
    content(g["table"])
    expression(g["pWhen"])
    mention(g["pSchema"])
    mention(g["pTabSchema"])
    for step in chain(g["step_list"], "pNext", shape="open"):
        mention(step["pTrig"])
        mention(step["pLast"], shape="open")
        select(step["pSelect"])
        expression(step["pWhere"])
        expressions(step["pExprList"])
        content(step["zSpan"])
        block(step["pIdList"], shape="open")
        sources(step["pFrom"])
        block(step["pUpsert"])


def expressions(pointer):
    e = block(pointer, shape="open")
    if e is not None:
        for i in range(int(e["nExpr"])):
            item = (e["a"][0].address + i).dereference()
            expression(item["pExpr"])
            content(item["zEName"])


def expression(pointer):
    e = block(pointer, shape="open")
    if e is None:
        return
    flags = int(e["flags"])
    # shorter ones end before these, and several may share a block
    if flags & (TOKEN_ONLY | LEAF):
        return
    expression(e["pLeft"])
    expression(e["pRight"])
    if flags & HAS_SELECT:
        select(e["x"]["pSelect"])
    else:
        expressions(e["x"]["pList"])


def sources(pointer):
    s = block(pointer, shape="open")
    if s is not None:
        for i in range(int(s["nSrc"])):
            item = (s["a"][0].address + i).dereference()
            for field in ("zDatabase", "zName", "zAlias"):
                content(item[field])
            select(item["pSelect"])


def select(pointer):
    s = block(pointer)
    if s is None:
        return
    for field in ("pEList", "pGroupBy", "pOrderBy"):
        expressions(s[field])
    for field in ("pWhere", "pHaving", "pLimit"):
        expression(s[field])
    sources(s["pSrc"])
    select(s["pPrior"])
    select(s["pNext"])


def hash_table(h, value):
    block(h["ht"], shape="array")
    for element in chain(h["first"], "next"):
        mention(element["prev"])
        value(element["data"])
    for i in range(int(h["htsize"]) if number(h["ht"]) else 0):
        mention(h["ht"][i]["chain"])


def as_type(name, then, shape="one"):
    t = lookup(name)

    def value(pointer):
        p = block(pointer, t, shape)
        if p is not None:
            then(p)
    return value


def schema(pointer):
    s = block(pointer)
    if s is None:
        return
    hash_table(s["tblHash"], table_at)
    hash_table(s["idxHash"], as_type("Index", index_in, "open"))
    hash_table(s["trigHash"], as_type("Trigger", trigger_in))
    hash_table(s["fkeyHash"], lambda p: block(p, lookup("FKey"), "open"))
    mention(s["pSeqTab"])


def btree(pointer):
    b = block(pointer)
    if b is None:
        return
    mention(b["db"])
    btree(b["pNext"])
    btree(b["pPrev"])
    shared = block(b["pBt"])
    if shared is None:
        return
    mention(shared["db"])
    mention(shared["pSchema"], lookup("Schema"))
    say(number(shared["pTmpSpace"]) - 4, "bytes", "open", shared["pTmpSpace"], "inside")
    block(shared["pHasContent"])
    mutex(shared["mutex"])
    pager(shared["pPager"])


def mutex(pointer):
    block(pointer)


def pager(pointer):
    # files, cache and names stand behind it, in one block
    p = block(pointer, shape="open")
    if p is None:
        return
    content(p["pTmpSpace"])
    block(p["pInJournal"])
    block(p["aSavepoint"], shape="array")
    cache(p["pPCache"])
    wal(p["pWal"])
    if number(p["fd"]) and number(p["fd"]["pMethods"]):
        unix_file(p["fd"].cast(lookup("unixFile").pointer()))


def unix_file(f):
    if int(f["h"]) < 0 or not number(f["pInode"]):
        return
    inode(f["pInode"])
    block(f["pPreallocatedUnused"])
    shm = block(f["pShm"])
    if shm is not None:
        shm_node(shm["pShmNode"])


def shm_node(pointer):
    node = block(pointer, shape="open")
    if node is not None:
        content(node["apRegion"])
        mutex(node["pShmMutex"])
        mention(node["pFirst"])
        inode(node["pInode"])


def inode(pointer):
    i = block(pointer)
    if i is not None:
        mutex(i["pLockMutex"])
        shm_node(i["pShmNode"])
        block(i["pUnused"])
        inode(i["pNext"])
        inode(i["pPrev"])


def wal(pointer):
    w = block(pointer, shape="open")
    if w is not None:
        block(w["apWiData"], shape="array")
        if number(w["pWalFd"]):
            unix_file(w["pWalFd"].cast(lookup("unixFile").pointer()))


def cache(p):
    """Pages: a page of the database, then three headers, in one block or many such in one block."""
    c = p["pCache"].cast(lookup("PCache1").pointer())
    mention(p["pCache"], lookup("PCache1"), "open")
    block(c["apHash"], shape="array")
    say(number(c["pBulk"]), "bytes", "open", c["pBulk"], "erased")
    for i in range(int(c["nHash"])):
        page = c["apHash"][i]
        while number(page):
            if not int(page["isBulkLocal"]):
                content(page["page"]["pBuf"])
            page = page["pNext"]
    page = c["pFree"]
    while number(page):
        page = page["pNext"]


def memory(m):
    """A value's own buffer; cursors use those of registers that are not of the program's."""
    if int(m["szMalloc"]):
        content(m["zMalloc"])


def statement(pointer):
    v = block(pointer, lookup("Vdbe"))
    if v is None:
        return
    mention(v["db"])
    ops = v["aOp"]
    # what the program needs beside its ops is laid behind them where there is room
    if block(ops, shape="array") is not None:
        for i in range(int(v["nOp"])):
            operand(ops[i])
    content(v["zSql"])
    say(number(v["pFree"]), "bytes", "open", v["pFree"], "erased")
    for i in range(int(v["nMem"])):
        memory(v["aMem"][i])
    for i in range(int(v["nVar"])):
        memory(v["aVar"][i])
    for i in range(int(v["nCursor"])):
        cursor(v["apCsr"][i])
    block(v["aColName"], shape="array")
    content(v["pVList"])
    statement(v["pVNext"])


def operand(op):
    kind, p4 = int(op["p4type"]), op["p4"]
    if kind == KEYS:
        key_info(p4["pKeyInfo"])
    elif kind == TEXT:
        content(p4["z"])
    elif kind == TABLE:
        table_at(p4["pTab"])
    elif kind == INTS:
        content(p4["ai"])
    elif kind == REAL:
        content(p4["pReal"])
    elif kind == INT64:
        content(p4["pI64"])
    elif kind == VALUE:
        block(p4["pMem"])
    elif kind == PROGRAM:
        sub_program(p4["pProgram"])


def sub_program(pointer):
    p = block(pointer)
    if p is not None:
        if block(p["aOp"], shape="array") is not None:
            for i in range(int(p["nOp"])):
                operand(p["aOp"][i])
        sub_program(p["pNext"])


def key_info(pointer):
    block(pointer, shape="open")


def cursor(pointer):
    # stands in a register's buffer
    if number(pointer):
        key_info(pointer["pKeyInfo"])
        if int(pointer["eCurType"]) == 1:
            sorter(pointer["uc"]["pSorter"])
        elif int(pointer["eCurType"]) == 0:
            tree_cursor(pointer["uc"]["pCursor"])


def tree_cursor(c):
    content(c["pKey"])
    content(c["aOverflow"])


def sorter(pointer):
    s = block(pointer, shape="open")
    if s is not None:
        key_info(s["pKeyInfo"])
        content(s["list"]["aMemory"])
        block(s["pUnpacked"], shape="open")


def connection(db):
    d = block(db)
    if d is None:
        return
    mutex(d["mutex"])
    start = d["lookaside"]["pStart"]
    pool(start, number(d["lookaside"]["pTrueEnd"]) - number(start))
    block(d["aDb"], shape="array")
    for i in range(int(d["nDb"])):
        content(d["aDb"][i]["zDbSName"])
        btree(d["aDb"][i]["pBt"])
        schema(d["aDb"][i]["pSchema"])
    statement(d["pVdbe"])
    hash_table(d["aFunc"], lambda p: block(p, lookup("FuncDef"), "open"))
    hash_table(d["aCollSeq"], lambda p: block(p, lookup("CollSeq"), "array"))
    hash_table(d["aModule"], lambda p: block(p, lookup("Module"), "open"))
    block(d["pErr"])
    block(d["pDfltColl"], shape="array")


def everything():
    connection(variable("file_db"))
    connection(variable("memory_db"))
    for i in range(40):
        statement(variable("statements")[i])
    inode(variable("inodeList"))


everything()
