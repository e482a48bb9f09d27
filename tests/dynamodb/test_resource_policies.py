"""Resource policies of tables: revisions, and what is said where there is none."""

from __future__ import annotations

from tests.dynamodb.item_world import ItemWorld, refused, world

__all__ = ["world"]

MISSING = "Resource-based policy not found for the provided ResourceArn: "


def test_a_policy_is_kept_until_it_is_deleted(world: ItemWorld) -> None:
    arn = world.table().arn
    first = world.client.put_resource_policy(ResourceArn=arn, Policy="{}")["RevisionId"]
    assert world.client.put_resource_policy(ResourceArn=arn, Policy="{}")["RevisionId"] == first
    second = world.client.put_resource_policy(
        ResourceArn=arn, Policy="[]", ExpectedRevisionId=first
    )["RevisionId"]
    assert second > first
    got = world.client.get_resource_policy(ResourceArn=arn)
    assert (got["Policy"], got["RevisionId"]) == ("[]", second)
    assert world.client.delete_resource_policy(ResourceArn=arn)["RevisionId"] == second
    assert refused(world.client.get_resource_policy, ResourceArn=arn) == (
        "PolicyNotFoundException",
        MISSING + arn,
    )


def test_another_revision_than_the_expected_one_is_refused(world: ItemWorld) -> None:
    arn = world.table().arn
    put = world.client.put_resource_policy
    revision = put(ResourceArn=arn, Policy="{}", ExpectedRevisionId="NO_POLICY")["RevisionId"]
    assert refused(put, ResourceArn=arn, Policy="[]", ExpectedRevisionId="NO_POLICY") == (
        "PolicyNotFoundException",
        MISSING + "Requested policy update expecting none to be present for table flat, but a "
        f"policy exists with revision id {revision}.",
    )
    assert refused(
        world.client.delete_resource_policy, ResourceArn=arn, ExpectedRevisionId="unknown"
    ) == (
        "PolicyNotFoundException",
        MISSING + "Requested update for policy with revision id unknown, but the policy associated "
        f"to target table flat has revision id {revision}.",
    )
    assert world.client.get_resource_policy(ResourceArn=arn)["Policy"] == "{}"


def test_a_table_that_is_not_there_has_no_policy(world: ItemWorld) -> None:
    assert refused(world.client.get_resource_policy, ResourceArn=world.table().arn + "_") == (
        "ResourceNotFoundException",
        "Requested resource not found: Table: flat_ not found",
    )
