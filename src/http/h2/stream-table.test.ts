import fc from "fast-check";
import { expect, test } from "vitest";
import type { Http2Stream } from "./stream-state.ts";
import { StreamTable } from "./stream-table.ts";

test("it holds what a Map would, whichever ids stay open", () => {
  const step = fc.record({ isAdd: fc.boolean(), gap: fc.integer({ min: 1, max: 40 }), at: fc.nat() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), fc.integer({ min: 1, max: 2 }), (steps, by) => {
      const table = new StreamTable();
      const map = new Map<number, Http2Stream>();
      let id = 1;
      for (const { isAdd, gap, at } of steps) {
        if (isAdd) {
          id += by * gap;
          const stream = { id } as Http2Stream;
          table.add(stream);
          map.set(id, stream);
        } else if (map.size > 0) {
          const stream = [...map.values()][at % map.size] as Http2Stream;
          expect(table.remove(stream)).toBe(true);
          expect(table.remove(stream)).toBe(false);
          map.delete(stream.id);
        }
        expect(table.size).toBe(map.size);
        expect(table.get(id)).toBe(map.get(id) ?? null);
        expect(table.get(id + 2)).toBeNull();
      }
      expect(table.all()).toEqual([...map.values()]);
      for (const [key, stream] of map) expect(table.get(key)).toBe(stream);
      table.clear();
      expect(table.all()).toEqual([]);
      expect(table.get(id)).toBeNull();
    }),
  );
});
