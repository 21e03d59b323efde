import { type Catalogue, catalogueOf } from '#contracts/catalogue.ts'
import { memberInvited, releasePublished, repositoryStarred } from './community.ts'
import { securityAlert, signinNewDevice } from './security.ts'
import { commentCreated, mentionReceived } from './social.ts'
import { buildFailed, issueAssigned, reviewRequested } from './work.ts'

/** What the example team notifies of. A changed entry gets a new version, so that routers know what they can read. */
export const catalogue: Catalogue = catalogueOf('1', [
  commentCreated,
  mentionReceived,
  reviewRequested,
  issueAssigned,
  buildFailed,
  releasePublished,
  repositoryStarred,
  memberInvited,
  securityAlert,
  signinNewDevice,
])
