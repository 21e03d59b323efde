/** So many dead devices in ten minutes are none too many, however small the installation is. */
export const pruneFloor = 20

/** Shares of the active addresses of a provider and app, and what is unusual beside the last day. */
const most = { share: 0.01, unsuspicious: 0.001, times: 5 }
const windowsInDay = 144

/**
 * How many endpoints of a provider and app may be pruned in ten minutes: 1 % of those that are active, and no more than
 * five times what is usual in ten minutes of the last day; but always 20, and a thousandth of those that are active. Pure.
 */
export const prunesMost = ({ active, lastDay }: { active: number; lastDay: number }): number =>
  Math.floor(
    Math.max(
      pruneFloor,
      most.unsuspicious * active,
      Math.min(most.share * active, (most.times * lastDay) / windowsInDay),
    ),
  )
