import { type Catalogue, catalogueOf } from '#contracts/catalogue.ts'
import { emailVerification, loginLink, passwordChanged, passwordReset } from './account.ts'
import { alertCritical, alertNotice, alertWarning, incidentOpened, morningAlerts } from './alerts.ts'
import { inviteReminder, memberInvited, releasePublished, repositoryStarred } from './community.ts'
import { milestoneReached, onboardingReminder, trialEnding, usageThreshold, userWelcomed } from './lifecycle.ts'
import { friendJoined, inviteSuggested, rewardEarned, rewardExpiring } from './referral.ts'
import { securityAlert, signinNewDevice } from './security.ts'
import { commentCreated, mentionReceived, replyReceived } from './social.ts'
import { buildFailed, issueAssigned, reviewRequested } from './work.ts'

/** What the example team notifies of. A changed entry gets a new version, so that routers know what they can read. */
export const catalogue: Catalogue = catalogueOf(
  '2',
  [
    ...[commentCreated, mentionReceived, replyReceived],
    ...[reviewRequested, issueAssigned, buildFailed],
    ...[releasePublished, repositoryStarred, memberInvited, inviteReminder],
    ...[securityAlert, signinNewDevice],
    ...[loginLink, passwordReset, passwordChanged, emailVerification],
    ...[alertCritical, alertWarning, alertNotice, incidentOpened],
    ...[userWelcomed, onboardingReminder, milestoneReached, usageThreshold, trialEnding],
    ...[friendJoined, rewardEarned, rewardExpiring, inviteSuggested],
  ],
  { digests: [morningAlerts] },
)
