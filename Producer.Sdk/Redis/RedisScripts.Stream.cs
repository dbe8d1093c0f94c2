namespace AsyncCheckpoints.Redis;

/// <content>The helpers on a stream's state that the scripts begin with.</content>
internal static partial class RedisScripts
{
    private const string StreamKeys = """
        local H, Z, P = KEYS[1], KEYS[2], KEYS[3]

        """;

    // last, pend, ttl, slide, max, ext (the state has more than the sequence) and shut (all that is left is the count of
    // pending marks) are the state as read; state() is what to write.
    private const string Stream = """
        local base = string.sub(P, 1, -2)
        local cut = string.find(H, '\31', #base, true)
        local exec, ns = string.sub(H, #base + 3, cut - 1), string.sub(H, cut + 1)
        local T, U, N, E = base .. 't:' .. exec, base .. 'u:' .. exec, base .. 'n:' .. exec, base .. 'e'
        local none = '0000000000000000'
        local last, pend, ttl, slide, max, ext, shut = none, 0, 0, 0, 0, false, false

        local function pad(n) return string.format('%016.0f', tonumber(n)) end
        local function following(s) return string.format('%016.0f', tonumber(s) + 1) end
        local function tail(id, seq) return '\31' .. exec .. '\31' .. ns .. '\31' .. id .. '\31' .. seq end

        local function now()
          local time = redis.call('TIME')
          return time[1] * 1000 + math.ceil(time[2] / 1000)
        end

        local function is_late(deadline)
          local time = redis.call('TIME')
          return time[1] * 1000000 + time[2] > tonumber(deadline)
        end

        local function read(meta)
          last, pend, ttl, slide, max, ext, shut = none, 0, 0, 0, 0, false, false
          if not meta then return end
          last = string.sub(meta, 1, 16)
          if #meta > 16 then
            local a, b, c, d = string.match(meta, '^%d+ (%d+) (%d+) (%d+) (%d+)$')
            ext, shut = true, not a
            if shut then a = string.match(meta, '^%d+ (%d+)$') end
            pend, ttl, slide, max = tonumber(a), tonumber(b or 0), tonumber(c or 0), tonumber(d or 0)
          end
          if not pend or not string.find(last, '^%d+$') then error('corrupt stream state') end
        end

        local function state()
          if not ext then return last end
          return last .. string.format(' %.0f %.0f %.0f %.0f', pend, ttl, slide, max)
        end

        local function raise(field, seq)
          local known = redis.call('HGET', T, field)
          if not known or known < seq then redis.call('HSET', T, field, seq) end
        end

        -- Something up to seq leaves the cache and is not deleted.
        local function left(seq)
          if redis.call('EXISTS', T) == 0 then return end
          raise('+', seq)
          raise('-', seq)
        end

        local function expire_names()
          local top = redis.call('ZREVRANGE', N, 0, 0, 'WITHSCORES')
          if not top[2] then return end
          if top[2] == 'inf' then
            redis.call('PERSIST', N)
          else
            redis.call('PEXPIREAT', N, string.format('%.0f', tonumber(top[2])))
          end
        end

        local function arm()
          local time = now()
          redis.call('PEXPIRE', H, string.format('%.0f', ttl))
          redis.call('PEXPIRE', Z, string.format('%.0f', ttl))
          redis.call('ZREMRANGEBYSCORE', N, '-inf', string.format('%.0f', time))
          redis.call('ZADD', N, string.format('%.0f', time + ttl), ns)
          expire_names()
          left(last)
        end

        local function disarm()
          redis.call('PERSIST', H)
          redis.call('PERSIST', Z)
          redis.call('ZADD', N, '+inf', ns)
          redis.call('PERSIST', N)
        end

        -- A new execution pays for two others in the set that may have expired.
        local function enrol()
          if redis.call('ZADD', E, 0, exec) == 0 then return end
          local others = redis.call('ZRANGEBYLEX', E, '(' .. exec, '+', 'LIMIT', 0, 2)
          if #others == 0 then others = redis.call('ZRANGE', E, 0, 1) end
          for _, other in ipairs(others) do
            if other ~= exec and redis.call('EXISTS', base .. 'n:' .. other) == 0 then redis.call('ZREM', E, other) end
          end
        end

        -- The stream begins, or begins anew after Redis evicted its hash.
        local function open(meta)
          local top = not meta and redis.call('ZREVRANGE', Z, 0, 0, 'WITHSCORES') or {}
          if top[2] then
            last = pad(top[2])
            redis.call('DEL', Z)
            left(last)
          end
          local floors = redis.call('HMGET', T, '*', ns .. '\31')
          if floors[1] and floors[1] > last then last = floors[1] end
          if floors[2] and floors[2] > last then last = floors[2] end
          redis.call('ZADD', N, '+inf', ns)
          redis.call('PERSIST', N)
          enrol()
          shut = false
        end

        -- The stream is empty. Its count of pending marks outlives it until they are settled.
        local function drop()
          redis.call('UNLINK', H, Z)
          if pend > 0 then redis.call('HSET', H, '\1', last .. string.format(' %.0f', pend)) end
          redis.call('ZREM', N, ns)
          if redis.call('EXISTS', N) == 0 then redis.call('ZREM', E, exec) else expire_names() end
        end

        -- The policy of the newest save holds. A stream that gets its first one starts to count what is pending.
        local function adopt(policy)
          local a, b, c = string.match(policy, '^(%d+) (%d+) (%d+)$')
          ttl, slide, max = tonumber(a), tonumber(b), tonumber(c)
          if ttl == 0 and max == 0 then
            ext = pend > 0
            return
          end
          if ext then return end
          ext = true
          local from = 0
          while true do
            local part = redis.call('ZRANGE', Z, from, from + 999, 'WITHSCORES')
            for i = 1, #part, 2 do
              local seq = pad(part[i + 1])
              local mark = tail(part[i], seq)
              if redis.call('ZREM', P, 's' .. mark) == 1 then
                redis.call('ZADD', P, seq, 'c' .. mark)
                pend = pend + 1
              end
            end
            if #part < 2000 then break end
            from = from + 1000
          end
        end

        -- Of the oldest beyond the stream's size, at most so many; what is pending stays, and what is newer than that: no holes.
        local function trim(budget)
          if max == 0 then return end
          local size = redis.call('ZCARD', Z)
          local over = size - max
          if over <= 0 or pend >= size then return end
          local old = redis.call('ZRANGE', Z, 0, math.min(over, budget) - 1, 'WITHSCORES')
          local gone, high = {}, none
          for i = 1, #old, 2 do
            local seq = pad(old[i + 1])
            if pend > 0 and redis.call('ZSCORE', P, 'c' .. tail(old[i], seq)) then break end
            gone[#gone + 1] = old[i]
            high = seq
          end
          if #gone > 0 then
            redis.call('HDEL', H, unpack(gone))
            redis.call('ZREM', Z, unpack(gone))
            left(high)
          end
        end

        """;
}
