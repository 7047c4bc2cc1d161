"""The worker chains the stages: plan → fetch → sift and judge → load, until a run can have nothing more.

`lines` opens and plans series, `settling` turns answers and errors into what is committed, `loading` commits, and `run`
drives them. Nothing else in the product knows more than one stage.
"""
