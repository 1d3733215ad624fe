/**
 * Measures contenders in turn, round after round, so that whatever else the machine does hits them alike; every other round goes
 * backwards, so that none always clears up after the same other. The first round only warms them up.
 */
export async function sideBySide<Contender>(
  contenders: Readonly<Record<string, Contender>>,
  rounds: number,
  measure: (contender: Contender) => Promise<number>,
): Promise<Record<string, number[]>> {
  const results = Object.fromEntries(Object.keys(contenders).map((name): [string, number[]] => [name, []]));
  for (let round = -1; round < rounds; round++) {
    const inTurn = Object.entries(contenders);
    for (const [name, contender] of round % 2 === 0 ? inTurn : inTurn.reverse()) {
      const result = await measure(contender);
      if (round >= 0) results[name]?.push(result);
    }
  }
  return results;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? Number.NaN) + (sorted[Math.floor(middle)] ?? Number.NaN)) / 2;
}
