import { type FractionalPercent, FractionalPercent_DenominatorType } from "./generated/envoy/type/v3/percent_pb.ts";

/** type.v3.FractionalPercent: `numerator` in `denominator`; 0 in 100 without a message. */
export function parsePercent(message: FractionalPercent | undefined): { numerator: number; denominator: number } {
  const { numerator = 0, denominator = FractionalPercent_DenominatorType.HUNDRED } = message ?? {};
  return { numerator, denominator: denominators[denominator] ?? 100 };
}

const denominators: Record<number, number> = {
  [FractionalPercent_DenominatorType.HUNDRED]: 100,
  [FractionalPercent_DenominatorType.TEN_THOUSAND]: 10_000,
  [FractionalPercent_DenominatorType.MILLION]: 1_000_000,
};
