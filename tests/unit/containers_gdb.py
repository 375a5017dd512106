# What gdb's printers for libstdc++ say of the program's containers, for test_types_containers.c:
#
#	NAME <tab> elements <tab> first key		of maps; else "-"
import gdb

NAMES = """g_vector g_pointers g_nested g_list g_forward g_map g_numbers g_multi g_set g_sessions g_hashed g_points
g_names g_deque g_deep""".split()

# the frame that is selected is libc's, and in its language there are no templates
gdb.execute("set language c++")
for name in NAMES:
    value = gdb.parse_and_eval(name)
    printer = gdb.default_visualizer(value)
    if printer is None or not hasattr(printer, "children"):
        continue
    children = list(printer.children())
    is_map = hasattr(printer, "display_hint") and printer.display_hint() == "map"
    key = children[0][1] if children else "-"
    key = key.format_string() if isinstance(key, gdb.Value) else str(key)
    print("%s\t%d\t%s" % (name, len(children) // (2 if is_map else 1), key if is_map else "-"))
