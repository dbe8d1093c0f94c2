namespace AsyncCheckpoints.Redis;

/// <content>Deletions.</content>
internal static partial class RedisScripts
{
    /// <summary>Arguments: id, sequence, "1" when fixed, the tombstone's time to live in ms, deadline. Returns the sequence.</summary>
    public static readonly RedisScript Delete = new(StreamKeys + Stream + """
        if is_late(ARGV[5]) then return 'l' end
        local id, seq, fixed, keep = ARGV[1], ARGV[2], ARGV[3] == '1', tonumber(ARGV[4])
        local field = ns .. '\31' .. id
        local got = redis.call('HMGET', H, '\1', id)
        local meta, old = got[1], got[2]
        read(meta)
        local tombs = redis.call('HMGET', T, '*', '-', ns .. '\31', field)
        if not fixed then
          local floor = last
          if not meta then
            local top = redis.call('ZREVRANGE', Z, 0, 0, 'WITHSCORES')
            if top[2] then floor = pad(top[2]) end
          end
          if tombs[1] and tombs[1] > floor then floor = tombs[1] end
          if tombs[3] and tombs[3] > floor then floor = tombs[3] end
          if seq <= floor then seq = following(floor) end
        end
        local covered = old and string.sub(old, 1, 16) <= seq
        if not tombs[4] or tombs[4] < seq then
          redis.call('HSET', T, field, seq)
          if not tombs[2] or tombs[2] < seq then redis.call('HSET', T, '-', seq) end
          if not tombs[3] or tombs[3] < seq then redis.call('HSET', T, ns .. '\31', seq) end
          -- Decided elsewhere, of something that is not here: the archive may have a newer version.
          if fixed and not covered and (not meta or last > seq) then raise('+', following(seq)) end
          local time = now()
          redis.call('ZADD', U, string.format('%.0f', time + keep), field)
          local over = redis.call('ZRANGEBYSCORE', U, '-inf', string.format('%.0f', time), 'LIMIT', 0, 16)
          if #over > 0 then
            redis.call('HDEL', T, unpack(over))
            redis.call('ZREM', U, unpack(over))
          end
        end
        if redis.call('PTTL', T) < keep then
          redis.call('PEXPIRE', T, ARGV[4])
          redis.call('PEXPIRE', U, ARGV[4])
        end
        if not fixed then redis.call('ZADD', P, seq, 'd' .. tail(id, seq)) end
        if not meta then return seq end
        if last < seq then last = seq end
        if covered then
          redis.call('HDEL', H, id)
          redis.call('ZREM', Z, id)
          if redis.call('EXISTS', Z) == 0 then
            drop()
            return seq
          end
        end
        if not shut then redis.call('HSET', H, '\1', state()) end
        return seq
        """);

    /// <summary>Arguments: sequence, "1" when fixed, the tombstone's time to live in ms, deadline. Returns the sequence.</summary>
    public static readonly RedisScript Clear = new(StreamKeys + Stream + """
        if is_late(ARGV[4]) then return 'l' end
        local seq, fixed = ARGV[1], ARGV[2] == '1'
        local function stream(name)
          ns = name
          H, Z = base .. 'h:' .. exec .. '\31' .. ns, base .. 'z:' .. exec .. '\31' .. ns
          read(redis.call('HGET', H, '\1'))
          local top = redis.call('ZREVRANGE', Z, 0, 0, 'WITHSCORES')
          return top[2] and pad(top[2]) or none
        end
        local tombs = redis.call('HMGET', T, '*', '-')
        local names = redis.call('ZRANGE', N, 0, -1)
        if not fixed then
          local floor = tombs[2] or none
          for _, name in ipairs(names) do
            local top = stream(name)
            if top > floor then floor = top end
            if last > floor then floor = last end
          end
          if seq <= floor then seq = following(floor) end
        end
        for _, name in ipairs(names) do
          if stream(name) > seq then
            while true do
              local ids = redis.call('ZRANGEBYSCORE', Z, '-inf', seq, 'LIMIT', 0, 1000)
              if #ids == 0 then break end
              redis.call('ZREM', Z, unpack(ids))
              redis.call('HDEL', H, unpack(ids))
            end
          else
            if last < seq then last = seq end
            drop()
          end
        end
        local keep = string.format('%.0f', math.max(redis.call('PTTL', T), tonumber(ARGV[3])))
        if fixed then
          if not tombs[1] or tombs[1] < seq then
            redis.call('HSET', T, '*', seq)
            raise('+', following(seq))
          end
          raise('-', seq)
        else
          -- Above all that the execution has seen: the tombstones of single checkpoints are part of it.
          redis.call('DEL', T, U)
          redis.call('HSET', T, '*', seq, '-', seq)
          redis.call('ZADD', P, seq, 'x\31' .. exec .. '\31\31\31' .. seq)
        end
        redis.call('PEXPIRE', T, keep)
        return seq
        """);
}
