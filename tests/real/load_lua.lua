-- A heap of each kind of object, then death: lua load_lua.lua
local keep = {}
_G.keep = keep

-- tables: arrays, maps, both, nested, weak, with metatables
local Point = {}
Point.__index = Point
function Point.new(x, y)
	return setmetatable({x = x, y = y}, Point)
end
keep.points, keep.lists, keep.maps = {}, {}, {}
for i = 1, 3000 do
	keep.points[i] = Point.new(i, -i)
end
for i = 1, 400 do
	local t = {}
	for k = 1, i % 50 do
		t[k] = i * k
	end
	keep.lists[i] = t
end
for i = 1, 300 do
	local t = {}
	for k = 1, i % 40 do
		t["key" .. k] = k % 3 == 0 and "value" .. i or k
	end
	keep.maps["map" .. i] = t
end
keep.weak = setmetatable({}, {__mode = "k"})
for i = 1, 100 do
	keep.weak[keep.points[i]] = i
end

-- strings: short ones are interned, long ones are not
keep.strings = {}
for i = 1, 1500 do
	keep.strings[i] = i % 4 == 0 and string.rep("long " .. i .. " ", 20) or "short " .. i
end
keep.large = string.rep("0123456789abcdef", 8192)

-- closures: of Lua, sharing upvalues, and C's
keep.closures = {}
for i = 1, 800 do
	local n, step = i, i % 7
	keep.closures[i] = function()
		n = n + step
		return n
	end
end
keep.matcher = string.gmatch("one two three", "%a+")
keep.lines = {}
for i = 1, 20 do
	keep.lines[i] = load("local a = " .. i .. "; return function(x) return x + a, function() return a end end")
	keep.lines[-i] = keep.lines[i]()
end

-- coroutines that wait, some deep
local function deep(n)
	local here = "level " .. n
	if n > 0 then
		deep(n - 1)
	else
		coroutine.yield(here)
	end
	return here
end
keep.threads = {}
for i = 1, 120 do
	local t = coroutine.create(deep)
	coroutine.resume(t, i % 30)
	keep.threads[i] = t
end

-- userdata: files
keep.files = {}
for i = 1, 10 do
	keep.files[i] = io.open("/dev/null", i % 2 == 0 and "r" or "w")
end

collectgarbage()
collectgarbage()
os.execute("kill -ABRT $PPID")
