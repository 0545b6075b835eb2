/** Lets so many through at a time; the others wait in line. */

export type Gate = <T>(work: () => Promise<T>) => Promise<T>;

export function openGate(places: number): Gate {
  let free = places;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (free > 0) free--;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await work();
    } finally {
      // The place is handed on, so that nobody who comes later slips in between.
      const next = waiting.shift();
      if (next === undefined) free++;
      else next();
    }
  };
}
